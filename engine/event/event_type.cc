// SPDX-License-Identifier: Apache-2.0
#include "engine/event/event_type.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>

namespace shrike::event {
namespace {

using enum ParamKind;

// Parameters in the order evt.args prints them (rule-language.md 3.5). One line each, as in the reference.
// clang-format off
constexpr Param kExecveParams[] = {{"res", kErrno}, {"exe", kText}, {"args", kBytes}, {"tid", kPid}, {"pid", kPid}, {"ptid", kPid}, {"cwd", kText}, {"fdlimit", kUint64}, {"pgft_maj", kUint64}, {"pgft_min", kUint64}, {"vm_size", kUint32}, {"vm_rss", kUint32}, {"vm_swap", kUint32}, {"comm", kText}, {"cgroups", kBytes}, {"env", kBytes}, {"tty", kUint32}, {"vpgid", kPid}, {"loginuid", kUid}, {"flags", kFlags32}, {"cap_inheritable", kUint64}, {"cap_permitted", kUint64}, {"cap_effective", kUint64}, {"exe_ino", kUint64}, {"exe_ino_ctime", kAbsTime}, {"exe_ino_mtime", kAbsTime}, {"uid", kUid}, {"trusted_exepath", kPath}, {"pgid", kPid}, {"gid", kGid}, {"filename", kPath}};
constexpr Param kExecveatParams[] = {{"res", kErrno}, {"exe", kText}, {"args", kBytes}, {"tid", kPid}, {"pid", kPid}, {"ptid", kPid}, {"cwd", kText}, {"fdlimit", kUint64}, {"pgft_maj", kUint64}, {"pgft_min", kUint64}, {"vm_size", kUint32}, {"vm_rss", kUint32}, {"vm_swap", kUint32}, {"comm", kText}, {"cgroups", kBytes}, {"env", kBytes}, {"tty", kUint32}, {"vpgid", kPid}, {"loginuid", kUid}, {"flags", kFlags32}, {"cap_inheritable", kUint64}, {"cap_permitted", kUint64}, {"cap_effective", kUint64}, {"exe_ino", kUint64}, {"exe_ino_ctime", kAbsTime}, {"exe_ino_mtime", kAbsTime}, {"uid", kUid}, {"trusted_exepath", kPath}, {"pgid", kPid}, {"gid", kGid}};
constexpr Param kOpenParams[] = {{"fd", kFd}, {"name", kPath}, {"flags", kFlags32}, {"mode", kUint32}, {"dev", kUint32}, {"ino", kUint64}};
constexpr Param kOpenatParams[] = {{"fd", kFd}, {"dirfd", kFd}, {"name", kRelativePath}, {"flags", kFlags32}, {"mode", kUint32}, {"dev", kUint32}, {"ino", kUint64}};
constexpr Param kOpenat2Params[] = {{"fd", kFd}, {"dirfd", kFd}, {"name", kRelativePath}, {"flags", kFlags32}, {"mode", kUint32}, {"resolve", kFlags32}, {"dev", kUint32}, {"ino", kUint64}};
constexpr Param kConnectParams[] = {{"res", kErrno}, {"tuple", kTuple}, {"fd", kFd}, {"addr", kAddress}};
constexpr Param kAcceptParams[] = {{"fd", kFd}, {"tuple", kTuple}, {"queuepct", kUint8}, {"queuelen", kUint32}, {"queuemax", kUint32}};
constexpr Param kAccept4Params[] = {{"fd", kFd}, {"tuple", kTuple}, {"queuepct", kUint8}, {"queuelen", kUint32}, {"queuemax", kUint32}, {"flags", kInt32}};
constexpr Param kListenParams[] = {{"res", kErrno}, {"fd", kFd}, {"backlog", kInt32}};
constexpr Param kSendmsgParams[] = {{"res", kErrno}, {"data", kBytes}, {"fd", kFd}, {"size", kUint32}, {"tuple", kTuple}};
constexpr Param kRenameParams[] = {{"res", kErrno}, {"oldpath", kPath}, {"newpath", kPath}};
constexpr Param kRenameatParams[] = {{"res", kErrno}, {"olddirfd", kFd}, {"oldpath", kRelativePath}, {"newdirfd", kFd}, {"newpath", kRelativePath}};
constexpr Param kRenameat2Params[] = {{"res", kErrno}, {"olddirfd", kFd}, {"oldpath", kRelativePath}, {"newdirfd", kFd}, {"newpath", kRelativePath}, {"flags", kFlags32}};
constexpr Param kRmdirParams[] = {{"res", kErrno}, {"path", kPath}};
constexpr Param kUnlinkatParams[] = {{"res", kErrno}, {"dirfd", kFd}, {"name", kRelativePath}, {"flags", kFlags32}};
constexpr Param kRecvfromParams[] = {{"res", kErrno}, {"data", kBytes}, {"tuple", kTuple}, {"fd", kFd}, {"size", kUint32}};
constexpr Param kChmodParams[] = {{"res", kErrno}, {"filename", kPath}, {"mode", kMode}};
constexpr Param kCreatParams[] = {{"fd", kFd}, {"name", kPath}, {"mode", kUint32}, {"dev", kUint32}, {"ino", kUint64}, {"creat_flags", kFlags16}};
constexpr Param kFchmodParams[] = {{"res", kErrno}, {"fd", kFd}, {"mode", kMode}};
constexpr Param kFchmodatParams[] = {{"res", kErrno}, {"dirfd", kFd}, {"filename", kRelativePath}, {"mode", kMode}};
constexpr Param kMkdirParams[] = {{"res", kErrno}, {"path", kPath}, {"mode", kUint32}};
constexpr Param kMkdiratParams[] = {{"res", kErrno}, {"dirfd", kFd}, {"path", kRelativePath}, {"mode", kUint32}};
constexpr Param kPtraceParams[] = {{"res", kErrno}, {"addr", kDynamic}, {"data", kDynamic}, {"request", kEnum16}, {"pid", kPid}};
constexpr Param kRecvmsgParams[] = {{"res", kErrno}, {"size", kUint32}, {"data", kBytes}, {"tuple", kTuple}, {"msgcontrol", kBytes}, {"fd", kFd}};
constexpr Param kBpfParams[] = {{"fd", kFd}, {"cmd", kEnum32}};
constexpr Param kDupParams[] = {{"res", kFd}, {"oldfd", kFd}};
constexpr Param kDup2Params[] = {{"res", kFd}, {"oldfd", kFd}, {"newfd", kFd}};
constexpr Param kDup3Params[] = {{"res", kFd}, {"oldfd", kFd}, {"newfd", kFd}, {"flags", kFlags32}};
constexpr Param kFinitModuleParams[] = {{"res", kErrno}, {"fd", kFd}, {"uargs", kText}, {"flags", kFlags32}};
constexpr Param kInitModuleParams[] = {{"res", kErrno}, {"img", kBytes}, {"length", kUint64}, {"uargs", kText}};
constexpr Param kLinkatParams[] = {{"res", kErrno}, {"olddir", kFd}, {"oldpath", kRelativePath}, {"newdir", kFd}, {"newpath", kRelativePath}, {"flags", kFlags32}};
constexpr Param kSetnsParams[] = {{"res", kErrno}, {"fd", kFd}, {"nstype", kFlags32}};
constexpr Param kSetuidParams[] = {{"res", kErrno}, {"uid", kUid}};
constexpr Param kSocketParams[] = {{"fd", kFd}, {"domain", kEnum32}, {"type", kUint32}, {"proto", kUint32}, {"flags", kFlags32}};
constexpr Param kSymlinkParams[] = {{"res", kErrno}, {"target", kText}, {"linkpath", kPath}};
constexpr Param kSymlinkatParams[] = {{"res", kErrno}, {"target", kText}, {"linkdirfd", kFd}, {"linkpath", kRelativePath}};
constexpr Param kUnshareParams[] = {{"res", kErrno}, {"flags", kFlags32}};

// Of other calls, as Falco names them, so that rules on them load.
constexpr Param kCloseParams[] = {{"res", kErrno}, {"fd", kFd}};
constexpr Param kReadParams[] = {{"res", kErrno}, {"data", kBytes}, {"fd", kFd}, {"size", kUint32}};
constexpr Param kPread64Params[] = {{"res", kErrno}, {"data", kBytes}, {"fd", kFd}, {"size", kUint32}, {"pos", kUint64}};
constexpr Param kReadvParams[] = {{"res", kErrno}, {"size", kUint32}, {"data", kBytes}, {"fd", kFd}};
constexpr Param kPreadvParams[] = {{"res", kErrno}, {"size", kUint32}, {"data", kBytes}, {"fd", kFd}, {"pos", kUint64}};
constexpr Param kBindParams[] = {{"res", kErrno}, {"addr", kAddress}, {"fd", kFd}};
constexpr Param kSendParams[] = {{"res", kErrno}, {"data", kBytes}, {"fd", kFd}, {"size", kUint32}, {"tuple", kTuple}};
constexpr Param kSendmmsgParams[] = {{"res", kErrno}, {"fd", kFd}, {"size", kUint32}, {"data", kBytes}, {"tuple", kTuple}};
constexpr Param kRecvmmsgParams[] = {{"res", kErrno}, {"fd", kFd}, {"size", kUint32}, {"data", kBytes}, {"tuple", kTuple}, {"msgcontrol", kBytes}};
constexpr Param kSocketpairParams[] = {{"res", kErrno}, {"fd1", kFd}, {"fd2", kFd}, {"source", kUint64}, {"peer", kUint64}, {"domain", kEnum32}, {"type", kUint32}, {"proto", kUint32}};
constexpr Param kShutdownParams[] = {{"res", kErrno}, {"fd", kFd}, {"how", kEnum8}};
constexpr Param kGetsockoptParams[] = {{"res", kErrno}, {"fd", kFd}, {"level", kEnum8}, {"optname", kEnum8}, {"val", kDynamic}, {"optlen", kUint32}};
constexpr Param kPipeParams[] = {{"res", kErrno}, {"fd1", kFd}, {"fd2", kFd}, {"ino", kUint64}};
constexpr Param kPipe2Params[] = {{"res", kErrno}, {"fd1", kFd}, {"fd2", kFd}, {"ino", kUint64}, {"flags", kFlags32}};
constexpr Param kEventfdParams[] = {{"res", kFd}, {"initval", kUint64}, {"flags", kFlags32}};
constexpr Param kFutexParams[] = {{"res", kErrno}, {"addr", kUint64}, {"op", kEnum16}, {"val", kUint64}};
constexpr Param kStatParams[] = {{"res", kErrno}, {"path", kPath}};
constexpr Param kFstatParams[] = {{"res", kErrno}, {"fd", kFd}};
constexpr Param kNewfstatatParams[] = {{"res", kErrno}, {"dirfd", kFd}, {"path", kRelativePath}, {"flags", kFlags32}};
constexpr Param kEpollWaitParams[] = {{"res", kErrno}, {"maxevents", kErrno}};
constexpr Param kEpollCreateParams[] = {{"res", kErrno}, {"size", kInt32}};
constexpr Param kEpollCreate1Params[] = {{"res", kErrno}, {"flags", kFlags32}};
constexpr Param kPollParams[] = {{"res", kErrno}, {"fds", kFdList}, {"timeout", kInt64}};
constexpr Param kPpollParams[] = {{"res", kErrno}, {"fds", kFdList}, {"timeout", kRelTime}, {"sigmask", kSignalSet}};
constexpr Param kLseekParams[] = {{"res", kErrno}, {"fd", kFd}, {"offset", kUint64}, {"whence", kEnum8}};
constexpr Param kIoctlParams[] = {{"res", kErrno}, {"fd", kFd}, {"request", kUint64}, {"argument", kUint64}};
constexpr Param kGetcwdParams[] = {{"res", kErrno}, {"path", kText}};
constexpr Param kFchdirParams[] = {{"res", kErrno}, {"fd", kFd}};
constexpr Param kKillParams[] = {{"res", kErrno}, {"pid", kPid}, {"sig", kSignal}};
constexpr Param kTkillParams[] = {{"res", kErrno}, {"tid", kPid}, {"sig", kSignal}};
constexpr Param kTgkillParams[] = {{"res", kErrno}, {"pid", kPid}, {"tid", kPid}, {"sig", kSignal}};
constexpr Param kNanosleepParams[] = {{"res", kErrno}, {"interval", kRelTime}};
constexpr Param kTimerfdCreateParams[] = {{"res", kFd}, {"clockid", kUint8}, {"flags", kUint8}};
constexpr Param kInotifyInitParams[] = {{"res", kFd}, {"flags", kUint8}};
constexpr Param kInotifyInit1Params[] = {{"res", kFd}, {"flags", kFlags16}};
constexpr Param kSignalfdParams[] = {{"res", kFd}, {"fd", kFd}, {"mask", kUint32}, {"flags", kUint8}};
constexpr Param kSignalfd4Params[] = {{"res", kFd}, {"flags", kFlags16}, {"fd", kFd}, {"mask", kUint32}};
constexpr Param kGetrlimitParams[] = {{"res", kErrno}, {"cur", kInt64}, {"max", kInt64}, {"resource", kEnum8}};
constexpr Param kPrlimitParams[] = {{"res", kErrno}, {"newcur", kInt64}, {"newmax", kInt64}, {"oldcur", kInt64}, {"oldmax", kInt64}, {"pid", kPid}, {"resource", kEnum8}};
constexpr Param kFcntlParams[] = {{"res", kFd}, {"fd", kFd}, {"cmd", kEnum8}};
constexpr Param kCloneParams[] = {{"res", kPid}, {"exe", kText}, {"args", kBytes}, {"tid", kPid}, {"pid", kPid}, {"ptid", kPid}, {"cwd", kText}, {"fdlimit", kInt64}, {"pgft_maj", kUint64}, {"pgft_min", kUint64}, {"vm_size", kUint32}, {"vm_rss", kUint32}, {"vm_swap", kUint32}, {"comm", kText}, {"cgroups", kBytes}, {"flags", kFlags32}, {"uid", kUint32}, {"gid", kUint32}, {"vtid", kPid}, {"vpid", kPid}, {"pidns_init_start_ts", kUint64}};
constexpr Param kBrkParams[] = {{"res", kUint64}, {"vm_size", kUint32}, {"vm_rss", kUint32}, {"vm_swap", kUint32}, {"addr", kUint64}};
constexpr Param kMmapParams[] = {{"res", kErrno}, {"vm_size", kUint32}, {"vm_rss", kUint32}, {"vm_swap", kUint32}, {"addr", kUint64}, {"length", kUint64}, {"prot", kFlags32}, {"flags", kFlags32}, {"fd", kFd}, {"offset", kUint64}};
constexpr Param kMmap2Params[] = {{"res", kErrno}, {"vm_size", kUint32}, {"vm_rss", kUint32}, {"vm_swap", kUint32}, {"addr", kUint64}, {"length", kUint64}, {"prot", kFlags32}, {"flags", kFlags32}, {"fd", kFd}, {"pgoffset", kUint64}};
constexpr Param kMunmapParams[] = {{"res", kErrno}, {"vm_size", kUint32}, {"vm_rss", kUint32}, {"vm_swap", kUint32}, {"addr", kUint64}, {"length", kUint64}};
constexpr Param kMprotectParams[] = {{"res", kErrno}, {"addr", kUint64}, {"length", kUint64}, {"prot", kFlags32}};
constexpr Param kSpliceParams[] = {{"res", kErrno}, {"fd_in", kFd}, {"fd_out", kFd}, {"size", kUint64}, {"flags", kFlags32}};
constexpr Param kSendfileParams[] = {{"res", kErrno}, {"offset", kUint64}, {"out_fd", kFd}, {"in_fd", kFd}, {"size", kUint64}};
constexpr Param kSetresuidParams[] = {{"res", kErrno}, {"ruid", kUid}, {"euid", kUid}, {"suid", kUid}};
constexpr Param kSetresgidParams[] = {{"res", kErrno}, {"rgid", kGid}, {"egid", kGid}, {"sgid", kGid}};
constexpr Param kGetresuidParams[] = {{"res", kErrno}, {"ruid", kUid}, {"euid", kUid}, {"suid", kUid}};
constexpr Param kGetresgidParams[] = {{"res", kErrno}, {"rgid", kGid}, {"egid", kGid}, {"sgid", kGid}};
constexpr Param kSetreuidParams[] = {{"res", kErrno}, {"ruid", kUid}, {"euid", kUid}};
constexpr Param kSetregidParams[] = {{"res", kErrno}, {"rgid", kGid}, {"egid", kGid}};
constexpr Param kSetgidParams[] = {{"res", kErrno}, {"gid", kGid}};
constexpr Param kGetuidParams[] = {{"uid", kUid}};
constexpr Param kGeteuidParams[] = {{"euid", kUid}};
constexpr Param kGetgidParams[] = {{"gid", kGid}};
constexpr Param kGetegidParams[] = {{"egid", kGid}};
constexpr Param kFlockParams[] = {{"res", kErrno}, {"fd", kFd}, {"operation", kFlags32}};
constexpr Param kSemopParams[] = {{"res", kErrno}, {"nsops", kUint32}, {"sem_num_0", kUint16}, {"sem_op_0", kInt32}, {"sem_flg_0", kFlags16}, {"sem_num_1", kUint16}, {"sem_op_1", kInt32}, {"sem_flg_1", kFlags16}, {"semid", kInt32}};
constexpr Param kSemgetParams[] = {{"res", kErrno}, {"key", kInt32}, {"nsems", kInt32}, {"semflg", kFlags32}};
constexpr Param kSemctlParams[] = {{"res", kErrno}, {"semid", kInt32}, {"semnum", kInt32}, {"cmd", kFlags16}, {"val", kInt32}};
constexpr Param kAccessParams[] = {{"res", kErrno}, {"name", kPath}, {"mode", kFlags32}};
constexpr Param kChrootParams[] = {{"res", kErrno}, {"path", kPath}};
constexpr Param kSetsidParams[] = {{"res", kPid}};
constexpr Param kSetpgidParams[] = {{"res", kErrno}, {"pid", kPid}, {"pgid", kPid}};
constexpr Param kMountParams[] = {{"res", kErrno}, {"dev", kText}, {"dir", kPath}, {"type", kText}, {"flags", kFlags32}};
constexpr Param kUmountParams[] = {{"res", kErrno}, {"name", kPath}};
constexpr Param kUmount2Params[] = {{"res", kErrno}, {"name", kPath}, {"flags", kFlags32}};
constexpr Param kSeccompParams[] = {{"res", kErrno}, {"op", kUint64}, {"flags", kUint64}};
constexpr Param kChownParams[] = {{"res", kErrno}, {"path", kPath}, {"uid", kUint32}, {"gid", kUint32}};
constexpr Param kFchownParams[] = {{"res", kErrno}, {"fd", kFd}, {"uid", kUint32}, {"gid", kUint32}};
constexpr Param kFchownatParams[] = {{"res", kErrno}, {"dirfd", kFd}, {"pathname", kRelativePath}, {"uid", kUint32}, {"gid", kUint32}, {"flags", kFlags32}};
constexpr Param kCopyFileRangeParams[] = {{"res", kErrno}, {"fdin", kFd}, {"offin", kUint64}, {"len", kUint64}, {"fdout", kFd}, {"offout", kUint64}};
constexpr Param kOpenByHandleAtParams[] = {{"fd", kFd}, {"mountfd", kFd}, {"flags", kFlags32}, {"path", kPath}, {"dev", kUint32}, {"ino", kUint64}};
constexpr Param kIoUringSetupParams[] = {{"res", kErrno}, {"entries", kUint32}, {"sq_entries", kUint32}, {"cq_entries", kUint32}, {"flags", kFlags32}, {"sq_thread_cpu", kUint32}, {"sq_thread_idle", kUint32}, {"features", kFlags32}};
constexpr Param kIoUringEnterParams[] = {{"res", kErrno}, {"fd", kFd}, {"to_submit", kUint32}, {"min_complete", kUint32}, {"flags", kFlags32}, {"sig", kSignalSet}};
constexpr Param kIoUringRegisterParams[] = {{"res", kErrno}, {"fd", kFd}, {"opcode", kEnum16}, {"arg", kUint64}, {"nr_args", kUint32}};
constexpr Param kMlockParams[] = {{"res", kErrno}, {"addr", kUint64}, {"len", kUint64}};
constexpr Param kMunlockParams[] = {{"res", kErrno}, {"addr", kUint64}, {"len", kUint64}};
constexpr Param kMlockallParams[] = {{"res", kErrno}, {"flags", kFlags32}};
constexpr Param kMunlockallParams[] = {{"res", kErrno}};
constexpr Param kMlock2Params[] = {{"res", kErrno}, {"addr", kUint64}, {"len", kUint64}, {"flags", kFlags32}};
constexpr Param kCapsetParams[] = {{"res", kErrno}, {"cap_inheritable", kUint64}, {"cap_permitted", kUint64}, {"cap_effective", kUint64}};
constexpr Param kDeleteModuleParams[] = {{"res", kErrno}, {"name", kText}, {"flags", kFlags32}};
constexpr Param kPidfdGetfdParams[] = {{"fd", kFd}, {"pid_fd", kFd}, {"target_fd", kFd}, {"flags", kUint32}};
constexpr Param kPidfdOpenParams[] = {{"fd", kFd}, {"pid", kPid}, {"flags", kFlags32}};
constexpr Param kPrctlParams[] = {{"res", kErrno}, {"option", kEnum32}, {"arg2_str", kText}, {"arg2_int", kInt64}};
constexpr Param kMemfdCreateParams[] = {{"fd", kFd}, {"name", kText}, {"flags", kFlags32}};
constexpr Param kProcessVmReadvParams[] = {{"res", kInt64}, {"pid", kPid}, {"data", kBytes}};
constexpr Param kMknodParams[] = {{"res", kErrno}, {"path", kPath}, {"mode", kMode}, {"dev", kUint32}};
constexpr Param kMknodatParams[] = {{"res", kErrno}, {"dirfd", kFd}, {"path", kRelativePath}, {"mode", kMode}, {"dev", kUint32}};
constexpr Param kFsconfigParams[] = {{"res", kErrno}, {"fd", kFd}, {"cmd", kEnum32}, {"key", kText}, {"value_bytebuf", kBytes}, {"value_charbuf", kText}, {"aux", kInt32}};
constexpr Param kQuotactlParams[] = {{"res", kErrno}, {"special", kText}, {"quotafilepath", kText}, {"dqb_bhardlimit", kUint64}, {"dqb_bsoftlimit", kUint64}, {"dqb_curspace", kUint64}, {"dqb_ihardlimit", kUint64}, {"dqb_isoftlimit", kUint64}, {"dqb_btime", kRelTime}, {"dqb_itime", kRelTime}, {"dqi_bgrace", kRelTime}, {"dqi_igrace", kRelTime}, {"dqi_flags", kFlags8}, {"quota_fmt_out", kFlags8}, {"cmd", kFlags16}, {"type", kFlags8}, {"id", kUint32}, {"quota_fmt", kFlags8}};
constexpr Param kGetdentsParams[] = {{"res", kErrno}, {"fd", kFd}};
constexpr Param kProcexitParams[] = {{"status", kErrno}, {"ret", kErrno}, {"sig", kSignal}, {"core", kUint8}, {"reaper_tid", kPid}};
constexpr Param kSignaldeliverParams[] = {{"spid", kPid}, {"dpid", kPid}, {"sig", kSignal}};
constexpr Param kPageFaultParams[] = {{"addr", kUint64}, {"ip", kUint64}, {"error", kFlags32}};
constexpr Param kSwitchParams[] = {{"next", kPid}, {"pgft_maj", kUint64}, {"pgft_min", kUint64}, {"vm_size", kUint32}, {"vm_rss", kUint32}, {"vm_swap", kUint32}};
constexpr Param kDropParams[] = {{"ratio", kUint32}};
constexpr Param kProcinfoParams[] = {{"cpu_usr", kUint64}, {"cpu_sys", kUint64}};
constexpr Param kCpuHotplugParams[] = {{"cpu", kUint32}, {"action", kUint32}};
constexpr Param kNotificationParams[] = {{"id", kText}, {"desc", kText}};
constexpr Param kInfraParams[] = {{"source", kText}, {"name", kText}, {"description", kText}, {"scope", kText}};
constexpr Param kContainerParams[] = {{"json", kText}};
constexpr Param kPlugineventParams[] = {{"plugin_id", kUint32}, {"event_data", kBytes}};
constexpr Param kAsynceventParams[] = {{"plugin_id", kUint32}, {"name", kText}, {"data", kBytes}};
constexpr Param kUseraddedParams[] = {{"uid", kUint32}, {"gid", kUint32}, {"name", kText}, {"home", kText}, {"shell", kText}, {"container_id", kText}};
constexpr Param kGroupaddedParams[] = {{"gid", kUint32}, {"name", kText}, {"container_id", kText}};

constexpr EventTypeInfo kTable[] = {
    {"", {}, false},
    // the kernel programs' own numbers
    {"execve", kExecveParams},
    {"execveat", kExecveatParams},
    {"open", kOpenParams},
    {"openat", kOpenatParams},
    {"openat2", kOpenat2Params},
    {"creat", kCreatParams},
    {"connect", kConnectParams},
    {"symlink", kSymlinkParams},
    {"symlinkat", kSymlinkatParams},
    {"link", kRenameParams},
    {"linkat", kLinkatParams},
    {"ptrace", kPtraceParams},
    {"open_by_handle_at", kOpenByHandleAtParams},
    {"sendto", kSendmsgParams},
    {"sendmsg", kSendmsgParams},
    {"sendmmsg", kSendmmsgParams},
    {"bind", kBindParams},
    {"accept", kAcceptParams},
    {"accept4", kAccept4Params},
    {"listen", kListenParams},
    {"recvfrom", kRecvfromParams},
    {"recvmsg", kRecvmsgParams},
    {"socket", kSocketParams},
    {"rename", kRenameParams},
    {"renameat", kRenameatParams},
    {"renameat2", kRenameat2Params},
    {"rmdir", kRmdirParams},
    {"unlink", kRmdirParams},
    {"unlinkat", kUnlinkatParams},
    {"mkdir", kMkdirParams},
    {"mkdirat", kMkdiratParams},
    {"chmod", kChmodParams},
    {"fchmodat", kFchmodatParams},
    {"fchmod", kFchmodParams},
    {"dup", kDupParams},
    {"dup2", kDup2Params},
    {"dup3", kDup3Params},
    {"close", kCloseParams},
    {"setns", kSetnsParams},
    {"unshare", kUnshareParams},
    {"setuid", kSetuidParams},
    {"bpf", kBpfParams},
    {"userfaultfd", kUnshareParams},
    {"init_module", kInitModuleParams},
    {"finit_module", kFinitModuleParams},
    // further calls of the official packs
    // every other call of x86-64 and ia32, Linux 6.18
    {"_llseek", kLseekParams},
    {"_newselect", {}},
    {"_sysctl", {}},
    {"access", kAccessParams},
    {"acct", {}},
    {"add_key", {}},
    {"adjtimex", {}},
    {"afs_syscall", {}},
    {"alarm", {}},
    {"arch_prctl", {}},
    {"bdflush", {}},
    {"break", {}},
    {"brk", kBrkParams},
    {"cachestat", {}},
    {"capget", {}},
    {"capset", kCapsetParams},
    {"chdir", kGetcwdParams},
    {"chown", kChownParams},
    {"chown32", {}},
    {"chroot", kChrootParams},
    {"clock_adjtime", {}},
    {"clock_adjtime64", {}},
    {"clock_getres", {}},
    {"clock_getres_time64", {}},
    {"clock_gettime", {}},
    {"clock_gettime64", {}},
    {"clock_nanosleep", {}},
    {"clock_nanosleep_time64", {}},
    {"clock_settime", {}},
    {"clock_settime64", {}},
    {"clone", kCloneParams},
    {"clone3", kCloneParams},
    {"close_range", {}},
    {"copy_file_range", kCopyFileRangeParams},
    {"create_module", {}},
    {"delete_module", kDeleteModuleParams},
    {"epoll_create", kEpollCreateParams},
    {"epoll_create1", kEpollCreate1Params},
    {"epoll_ctl", {}},
    {"epoll_ctl_old", {}},
    {"epoll_pwait", {}},
    {"epoll_pwait2", {}},
    {"epoll_wait", kEpollWaitParams},
    {"epoll_wait_old", {}},
    {"eventfd", kEventfdParams},
    {"eventfd2", kEventfdParams},
    {"exit", {}},
    {"exit_group", {}},
    {"faccessat", {}},
    {"faccessat2", {}},
    {"fadvise64", {}},
    {"fadvise64_64", {}},
    {"fallocate", {}},
    {"fanotify_init", {}},
    {"fanotify_mark", {}},
    {"fchdir", kFchdirParams},
    {"fchmodat2", {}},
    {"fchown", kFchownParams},
    {"fchown32", {}},
    {"fchownat", kFchownatParams},
    {"fcntl", kFcntlParams},
    {"fcntl64", kFcntlParams},
    {"fdatasync", {}},
    {"fgetxattr", {}},
    {"file_getattr", {}},
    {"file_setattr", {}},
    {"flistxattr", {}},
    {"flock", kFlockParams},
    {"fork", kCloneParams},
    {"fremovexattr", {}},
    {"fsconfig", kFsconfigParams},
    {"fsetxattr", {}},
    {"fsmount", {}},
    {"fsopen", {}},
    {"fspick", {}},
    {"fstat", kFstatParams},
    {"fstat64", kFstatParams},
    {"fstatat64", {}},
    {"fstatfs", {}},
    {"fstatfs64", {}},
    {"fsync", {}},
    {"ftime", {}},
    {"ftruncate", {}},
    {"ftruncate64", {}},
    {"futex", kFutexParams},
    {"futex_requeue", {}},
    {"futex_time64", {}},
    {"futex_wait", {}},
    {"futex_waitv", {}},
    {"futex_wake", {}},
    {"futimesat", {}},
    {"get_kernel_syms", {}},
    {"get_mempolicy", {}},
    {"get_robust_list", {}},
    {"get_thread_area", {}},
    {"getcpu", {}},
    {"getcwd", kGetcwdParams},
    {"getdents", kGetdentsParams},
    {"getdents64", kGetdentsParams},
    {"getegid", kGetegidParams},
    {"getegid32", {}},
    {"geteuid", kGeteuidParams},
    {"geteuid32", {}},
    {"getgid", kGetgidParams},
    {"getgid32", {}},
    {"getgroups", {}},
    {"getgroups32", {}},
    {"getitimer", {}},
    {"getpeername", {}},
    {"getpgid", {}},
    {"getpgrp", {}},
    {"getpid", {}},
    {"getpmsg", {}},
    {"getppid", {}},
    {"getpriority", {}},
    {"getrandom", {}},
    {"getresgid", kGetresgidParams},
    {"getresgid32", {}},
    {"getresuid", kGetresuidParams},
    {"getresuid32", {}},
    {"getrlimit", kGetrlimitParams},
    {"getrusage", {}},
    {"getsid", {}},
    {"getsockname", {}},
    {"getsockopt", kGetsockoptParams},
    {"gettid", {}},
    {"gettimeofday", {}},
    {"getuid", kGetuidParams},
    {"getuid32", {}},
    {"getxattr", {}},
    {"getxattrat", {}},
    {"gtty", {}},
    {"idle", {}},
    {"inotify_add_watch", {}},
    {"inotify_init", kInotifyInitParams},
    {"inotify_init1", kInotifyInit1Params},
    {"inotify_rm_watch", {}},
    {"io_cancel", {}},
    {"io_destroy", {}},
    {"io_getevents", {}},
    {"io_pgetevents", {}},
    {"io_pgetevents_time64", {}},
    {"io_setup", {}},
    {"io_submit", {}},
    {"io_uring_enter", kIoUringEnterParams},
    {"io_uring_register", kIoUringRegisterParams},
    {"io_uring_setup", kIoUringSetupParams},
    {"ioctl", kIoctlParams},
    {"ioperm", {}},
    {"iopl", {}},
    {"ioprio_get", {}},
    {"ioprio_set", {}},
    {"ipc", {}},
    {"kcmp", {}},
    {"kexec_file_load", {}},
    {"kexec_load", {}},
    {"keyctl", {}},
    {"kill", kKillParams},
    {"landlock_add_rule", {}},
    {"landlock_create_ruleset", {}},
    {"landlock_restrict_self", {}},
    {"lchown", kChownParams},
    {"lchown32", {}},
    {"lgetxattr", {}},
    {"listmount", {}},
    {"listxattr", {}},
    {"listxattrat", {}},
    {"llistxattr", {}},
    {"lock", {}},
    {"lookup_dcookie", {}},
    {"lremovexattr", {}},
    {"lseek", kLseekParams},
    {"lsetxattr", {}},
    {"lsm_get_self_attr", {}},
    {"lsm_list_modules", {}},
    {"lsm_set_self_attr", {}},
    {"lstat", kStatParams},
    {"lstat64", kStatParams},
    {"madvise", {}},
    {"map_shadow_stack", {}},
    {"mbind", {}},
    {"membarrier", {}},
    {"memfd_create", kMemfdCreateParams},
    {"memfd_secret", {}},
    {"migrate_pages", {}},
    {"mincore", {}},
    {"mknod", kMknodParams},
    {"mknodat", kMknodatParams},
    {"mlock", kMlockParams},
    {"mlock2", kMlock2Params},
    {"mlockall", kMlockallParams},
    {"mmap", kMmapParams},
    {"mmap2", kMmap2Params},
    {"modify_ldt", {}},
    {"mount", kMountParams},
    {"mount_setattr", {}},
    {"move_mount", {}},
    {"move_pages", {}},
    {"mprotect", kMprotectParams},
    {"mpx", {}},
    {"mq_getsetattr", {}},
    {"mq_notify", {}},
    {"mq_open", {}},
    {"mq_timedreceive", {}},
    {"mq_timedreceive_time64", {}},
    {"mq_timedsend", {}},
    {"mq_timedsend_time64", {}},
    {"mq_unlink", {}},
    {"mremap", {}},
    {"mseal", {}},
    {"msgctl", {}},
    {"msgget", {}},
    {"msgrcv", {}},
    {"msgsnd", {}},
    {"msync", {}},
    {"munlock", kMunlockParams},
    {"munlockall", kMunlockallParams},
    {"munmap", kMunmapParams},
    {"name_to_handle_at", {}},
    {"nanosleep", kNanosleepParams},
    {"newfstatat", kNewfstatatParams},
    {"nfsservctl", {}},
    {"nice", {}},
    {"oldfstat", {}},
    {"oldlstat", {}},
    {"oldolduname", {}},
    {"oldstat", {}},
    {"olduname", {}},
    {"open_tree", {}},
    {"open_tree_attr", {}},
    {"pause", {}},
    {"perf_event_open", {}},
    {"personality", {}},
    {"pidfd_getfd", kPidfdGetfdParams},
    {"pidfd_open", kPidfdOpenParams},
    {"pidfd_send_signal", {}},
    {"pipe", kPipeParams},
    {"pipe2", kPipe2Params},
    {"pivot_root", {}},
    {"pkey_alloc", {}},
    {"pkey_free", {}},
    {"pkey_mprotect", {}},
    {"poll", kPollParams},
    {"ppoll", kPpollParams},
    {"ppoll_time64", {}},
    {"prctl", kPrctlParams},
    {"pread64", kPread64Params},
    {"preadv", kPreadvParams},
    {"preadv2", {}},
    {"prlimit64", kPrlimitParams},
    {"process_madvise", {}},
    {"process_mrelease", {}},
    {"process_vm_readv", kProcessVmReadvParams},
    {"process_vm_writev", kProcessVmReadvParams},
    {"prof", {}},
    {"profil", {}},
    {"pselect6", {}},
    {"pselect6_time64", {}},
    {"putpmsg", {}},
    {"pwrite64", kPread64Params},
    {"pwritev", kPreadvParams},
    {"pwritev2", {}},
    {"query_module", {}},
    {"quotactl", kQuotactlParams},
    {"quotactl_fd", {}},
    {"read", kReadParams},
    {"readahead", {}},
    {"readdir", {}},
    {"readlink", {}},
    {"readlinkat", {}},
    {"readv", kReadvParams},
    {"reboot", {}},
    {"recvmmsg", kRecvmmsgParams},
    {"recvmmsg_time64", {}},
    {"remap_file_pages", {}},
    {"removexattr", {}},
    {"removexattrat", {}},
    {"request_key", {}},
    {"restart_syscall", {}},
    {"rseq", {}},
    {"rt_sigaction", {}},
    {"rt_sigpending", {}},
    {"rt_sigprocmask", {}},
    {"rt_sigqueueinfo", {}},
    {"rt_sigreturn", {}},
    {"rt_sigsuspend", {}},
    {"rt_sigtimedwait", {}},
    {"rt_sigtimedwait_time64", {}},
    {"rt_tgsigqueueinfo", {}},
    {"sched_get_priority_max", {}},
    {"sched_get_priority_min", {}},
    {"sched_getaffinity", {}},
    {"sched_getattr", {}},
    {"sched_getparam", {}},
    {"sched_getscheduler", {}},
    {"sched_rr_get_interval", {}},
    {"sched_rr_get_interval_time64", {}},
    {"sched_setaffinity", {}},
    {"sched_setattr", {}},
    {"sched_setparam", {}},
    {"sched_setscheduler", {}},
    {"sched_yield", {}},
    {"seccomp", kSeccompParams},
    {"security", {}},
    {"select", {}},
    {"semctl", kSemctlParams},
    {"semget", kSemgetParams},
    {"semop", kSemopParams},
    {"semtimedop", {}},
    {"semtimedop_time64", {}},
    {"sendfile", kSendfileParams},
    {"sendfile64", kSendfileParams},
    {"set_mempolicy", {}},
    {"set_mempolicy_home_node", {}},
    {"set_robust_list", {}},
    {"set_thread_area", {}},
    {"set_tid_address", {}},
    {"setdomainname", {}},
    {"setfsgid", {}},
    {"setfsgid32", {}},
    {"setfsuid", {}},
    {"setfsuid32", {}},
    {"setgid", kSetgidParams},
    {"setgid32", {}},
    {"setgroups", {}},
    {"setgroups32", {}},
    {"sethostname", {}},
    {"setitimer", {}},
    {"setpgid", kSetpgidParams},
    {"setpriority", {}},
    {"setregid", kSetregidParams},
    {"setregid32", {}},
    {"setresgid", kSetresgidParams},
    {"setresgid32", {}},
    {"setresuid", kSetresuidParams},
    {"setresuid32", {}},
    {"setreuid", kSetreuidParams},
    {"setreuid32", {}},
    {"setrlimit", kGetrlimitParams},
    {"setsid", kSetsidParams},
    {"setsockopt", kGetsockoptParams},
    {"settimeofday", {}},
    {"setuid32", {}},
    {"setxattr", {}},
    {"setxattrat", {}},
    {"sgetmask", {}},
    {"shmat", {}},
    {"shmctl", {}},
    {"shmdt", {}},
    {"shmget", {}},
    {"shutdown", kShutdownParams},
    {"sigaction", {}},
    {"sigaltstack", {}},
    {"signal", {}},
    {"signalfd", kSignalfdParams},
    {"signalfd4", kSignalfd4Params},
    {"sigpending", {}},
    {"sigprocmask", {}},
    {"sigreturn", {}},
    {"sigsuspend", {}},
    {"socketcall", {}},
    {"socketpair", kSocketpairParams},
    {"splice", kSpliceParams},
    {"ssetmask", {}},
    {"stat", kStatParams},
    {"stat64", kStatParams},
    {"statfs", {}},
    {"statfs64", {}},
    {"statmount", {}},
    {"statx", {}},
    {"stime", {}},
    {"stty", {}},
    {"swapoff", {}},
    {"swapon", {}},
    {"sync", {}},
    {"sync_file_range", {}},
    {"syncfs", kGetdentsParams},
    {"sysfs", {}},
    {"sysinfo", {}},
    {"syslog", {}},
    {"tee", {}},
    {"tgkill", kTgkillParams},
    {"time", {}},
    {"timer_create", {}},
    {"timer_delete", {}},
    {"timer_getoverrun", {}},
    {"timer_gettime", {}},
    {"timer_gettime64", {}},
    {"timer_settime", {}},
    {"timer_settime64", {}},
    {"timerfd_create", kTimerfdCreateParams},
    {"timerfd_gettime", {}},
    {"timerfd_gettime64", {}},
    {"timerfd_settime", {}},
    {"timerfd_settime64", {}},
    {"times", {}},
    {"tkill", kTkillParams},
    {"truncate", {}},
    {"truncate64", {}},
    {"tuxcall", {}},
    {"ugetrlimit", {}},
    {"ulimit", {}},
    {"umask", {}},
    {"umount", kUmountParams},
    {"umount2", kUmount2Params},
    {"uname", {}},
    {"uprobe", {}},
    {"uretprobe", {}},
    {"uselib", {}},
    {"ustat", {}},
    {"utime", {}},
    {"utimensat", {}},
    {"utimensat_time64", {}},
    {"utimes", {}},
    {"vfork", kCloneParams},
    {"vhangup", {}},
    {"vm86", {}},
    {"vm86old", {}},
    {"vmsplice", {}},
    {"vserver", {}},
    {"wait4", {}},
    {"waitid", {}},
    {"waitpid", {}},
    {"write", kReadParams},
    {"writev", kReadvParams},
    // calls by the names Falco gives its events, and those of other architectures
    {"llseek", kLseekParams},
    {"pread", kPread64Params},
    {"prlimit", kPrlimitParams},
    {"pwrite", kPread64Params},
    {"recv", kSendParams},
    {"send", kSendParams},
    {"sync_file_range2", {}},
    {"syscall", {}},
    // events that are no calls
    {"asyncevent", kAsynceventParams, false},
    {"container", kContainerParams, false},
    {"container_removed", {}, false},
    {"cpu_hotplug", kCpuHotplugParams, false},
    {"drop", kDropParams, false},
    {"groupadded", kGroupaddedParams, false},
    {"groupdeleted", kGroupaddedParams, false},
    {"infra", kInfraParams, false},
    {"k8s", {}, false},
    {"mesos", {}, false},
    {"notification", kNotificationParams, false},
    {"page_fault", kPageFaultParams, false},
    {"pluginevent", kPlugineventParams, false},
    {"procexit", kProcexitParams, false},
    {"procinfo", kProcinfoParams, false},
    {"scapevent", {}, false},
    {"signaldeliver", kSignaldeliverParams, false},
    {"switch", kSwitchParams, false},
    {"tracer", {}, false},
    {"useradded", kUseraddedParams, false},
    {"userdeleted", kUseraddedParams, false},
};
// clang-format on
static_assert(std::size(kTable) <= kEventTypeMax);

}  // namespace

std::span<const EventTypeInfo> event_types() { return kTable; }

std::string_view name(EventType type) { return index(type) < std::size(kTable) ? kTable[index(type)].name : std::string_view(); }

std::optional<EventType> find_event_type(std::string_view name) {
  static const auto kByName = [] {
    std::unordered_map<std::string_view, EventType> by_name;
    for (std::size_t i = 1; i < std::size(kTable); ++i) by_name.emplace(kTable[i].name, static_cast<EventType>(i));
    return by_name;
  }();
  const auto found = kByName.find(name);
  if (found == kByName.end()) return std::nullopt;
  return found->second;
}

std::optional<ParamKind> find_param(std::string_view name) {
  static constexpr Param kElsewhere[] = {{"uid", kUint32},     {"gid", kUint32},  {"data", kBytes}, {"cmd", kEnum8},
                                         {"request", kUint64}, {"val", kDynamic}, {"key", kInt32}};
  const auto* elsewhere = std::ranges::find(kElsewhere, name, &Param::name);
  if (elsewhere != std::end(kElsewhere)) return elsewhere->kind;
  for (const EventTypeInfo& type : kTable) {
    const auto found = std::ranges::find(type.params, name, &Param::name);
    if (found != type.params.end()) return found->kind;
  }
  return std::nullopt;
}

std::string_view spelling(ParamKind kind) {
  static constexpr std::string_view kNames[] = {
      "fd",        "errno",    "pid",     "int32",   "int64",      "uint8",       "uint16",      "uint32",
      "uint64",    "flags8",   "flags16", "flags32", "enumflags8", "enumflags16", "enumflags32", "mode",
      "bool",      "signal",   "uid",     "gid",     "charbuf",    "bytebuf",     "fspath",      "fsrelpath",
      "socktuple", "sockaddr", "abstime", "reltime", "sigset",     "fdlist",      "dyn"};
  static_assert(std::size(kNames) == kParamKinds);
  return kNames[static_cast<std::size_t>(kind)];
}

const EventSet& all_event_types() {
  static const EventSet kAll = [] {
    EventSet all;
    for (std::size_t i = 1; i < std::size(kTable); ++i) all.set(i);
    return all;
  }();
  return kAll;
}

}  // namespace shrike::event
