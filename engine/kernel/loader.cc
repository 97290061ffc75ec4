// SPDX-License-Identifier: Apache-2.0
#include "engine/kernel/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <map>
#include <optional>
#include <string>

#include "engine/base/handle.h"
#include "engine/decode/hooks.h"
#include "engine/event/event_type.h"
#include "engine/kernel/probe.h"
#include "engine/kernel/syscalls.h"
#include "shrike.skel.h"

namespace shrike::kernel {
namespace {

using Link = std::unique_ptr<bpf_link, Destroyer<bpf_link__destroy>>;
using Skeleton = std::unique_ptr<shrike_bpf, Destroyer<shrike_bpf__destroy>>;

constexpr std::uint16_t kIa32Socketcall = 102;  // multiplexes calls about sockets; sys_exit looks at its first argument

bool is_open(std::size_t type) {
  return (type >= EVENT_TYPE_OPEN && type <= EVENT_TYPE_CREAT) || type == EVENT_TYPE_OPEN_BY_HANDLE_AT;
}

bool is_exec(std::size_t type) { return type == EVENT_TYPE_EXECVE || type == EVENT_TYPE_EXECVEAT; }

// Calls a cgroup program can refuse.
bool is_refusable(std::size_t type) {
  return type == EVENT_TYPE_CONNECT || (type >= EVENT_TYPE_SENDTO && type <= EVENT_TYPE_BIND);
}

call_program program_of(std::size_t type) {
  if (is_open(type)) return CALL_PROGRAM_OPEN;
  if (type == EVENT_TYPE_CONNECT || (type >= EVENT_TYPE_SENDTO && type <= EVENT_TYPE_RECVMSG)) return CALL_PROGRAM_SOCKET;
  if (is_exec(type) || (type >= EVENT_TYPE_SYMLINK && type <= EVENT_TYPE_LINKAT) ||
      (type >= EVENT_TYPE_RENAME && type <= EVENT_TYPE_FCHMODAT))
    return CALL_PROGRAM_PATHS;
  return CALL_PROGRAM_CALL;
}

// Whole words that programs read while we write.
template <class Word>
void store(Word& at, Word value) {
  std::atomic_ref(at).store(value, std::memory_order_release);
}

// libbpf reports through one callback per process.
thread_local std::string* libbpf_log = nullptr;

__attribute__((format(printf, 2, 0))) int keep_log(libbpf_print_level level, const char* format, va_list arguments) {
  if (libbpf_log == nullptr || level == LIBBPF_DEBUG) return 0;
  va_list again;
  va_copy(again, arguments);
  const int size = vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (size <= 0) return size;
  std::string text(static_cast<std::size_t>(size), '\0');
  vsnprintf(text.data(), text.size() + 1, format, arguments);
  libbpf_log->append(text);
  return size;
}

// hook_counters is nothing but __u64.
void add(hook_counters& to, const hook_counters& one) {
  std::array<std::uint64_t, sizeof(hook_counters) / sizeof(std::uint64_t)> sum{}, part{};
  std::memcpy(sum.data(), &to, sizeof(to));
  std::memcpy(part.data(), &one, sizeof(one));
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
  std::memcpy(&to, sum.data(), sizeof(to));
}

// Collects libbpf's complaints while it lives.
class LibbpfLog {
 public:
  LibbpfLog() : previous_(libbpf_set_print(keep_log)) { libbpf_log = &text_; }
  ~LibbpfLog() {
    libbpf_log = nullptr;
    libbpf_set_print(previous_);
  }
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  std::unexpected<Error> fail(std::string what, int sys_errno) const {
    Error error = system_error(std::move(what), sys_errno);
    if (sys_errno == EPERM || sys_errno == EACCES || sys_errno == EINVAL || sys_errno == ENOTSUP) error.code = Code::kUnsupported;
    // The complaint that matters comes first; of the verifier's long log, what it says last before its statistics.
    if (!text_.empty()) error.message += " (" + text_.substr(0, text_.find('\n')) + verifiers_reason() + ")";
    return std::unexpected(std::move(error));
  }

 private:
  std::string verifiers_reason() const {
    const std::size_t end = text_.find("\nprocessed ");
    if (end == std::string::npos || end == 0) return {};
    const std::size_t begin = text_.rfind('\n', end - 1) + 1;
    return ": " + text_.substr(begin, end - begin);
  }

  std::string text_;
  libbpf_print_fn_t previous_;
};

}  // namespace

namespace {

enum class In : std::uint8_t { kBoth, kFull, kTracing };

// Every program: its hook, and in which tier it is loaded.
struct Program {
  using Pointer = bpf_program* decltype(shrike_bpf::progs)::*;
  std::size_t hook;
  Pointer program;
  In tier;
  call_program called = CALL_PROGRAM_NONE;  // not attached: sys_exit goes on with it
};
using Progs = decltype(shrike_bpf::progs);
constexpr Program kPrograms[] = {
    {HOOK_SCHED_PROCESS_EXIT, &Progs::tp_sched_process_exit, In::kBoth},
    {HOOK_SCHED_PROCESS_FORK, &Progs::tp_sched_process_fork, In::kBoth},
    {HOOK_SCHED_PROCESS_EXEC, &Progs::tp_sched_process_exec, In::kBoth},
    {HOOK_SYS_EXIT, &Progs::tp_sys_exit, In::kBoth},
    {HOOK_SYS_EXIT, &Progs::tp_sys_exit_open, In::kBoth, CALL_PROGRAM_OPEN},
    {HOOK_SYS_EXIT, &Progs::tp_sys_exit_socket, In::kBoth, CALL_PROGRAM_SOCKET},
    {HOOK_SYS_EXIT, &Progs::tp_sys_exit_paths, In::kBoth, CALL_PROGRAM_PATHS},
    {HOOK_SYS_EXIT, &Progs::tp_sys_exit_call, In::kBoth, CALL_PROGRAM_CALL},
    {HOOK_ITER_TASK, &Progs::iter_task, In::kBoth},
    {HOOK_CGROUP_MKDIR, &Progs::tp_cgroup_mkdir, In::kBoth},
    {HOOK_CGROUP_RMDIR, &Progs::tp_cgroup_rmdir, In::kBoth},
    {HOOK_BPRM_CREDS_FROM_FILE, &Progs::lsm_bprm_creds_from_file, In::kFull},
    {HOOK_FILE_OPEN, &Progs::lsm_file_open, In::kFull},
    {HOOK_PATH_MKNOD, &Progs::lsm_path_mknod, In::kFull},
    {HOOK_SOCKET_CONNECT, &Progs::lsm_socket_connect, In::kFull},
    {HOOK_SOCKET_SENDMSG, &Progs::lsm_socket_sendmsg, In::kFull},
    {HOOK_SOCKET_BIND, &Progs::lsm_socket_bind, In::kFull},
    {HOOK_CGROUP_CONNECT, &Progs::cgroup_connect4, In::kTracing},
    {HOOK_CGROUP_CONNECT, &Progs::cgroup_connect6, In::kTracing},
    {HOOK_CGROUP_SENDMSG, &Progs::cgroup_sendmsg4, In::kTracing},
    {HOOK_CGROUP_SENDMSG, &Progs::cgroup_sendmsg6, In::kTracing},
    {HOOK_CGROUP_BIND, &Progs::cgroup_bind4, In::kTracing},
    {HOOK_CGROUP_BIND, &Progs::cgroup_bind6, In::kTracing},
    {HOOK_IO_URING, &Progs::tp_io_uring_complete, In::kTracing},
    {HOOK_IO_URING, &Progs::tp_io_uring_submit, In::kTracing},
};

bool is_cgroup(std::size_t hook) { return hook >= HOOK_CGROUP_CONNECT && hook <= HOOK_CGROUP_BIND; }

// Leads the programs to this kernel's tracepoints; false without io_uring.
bool find_io_uring(shrike_bpf& skeleton) {
  const auto found = [](bpf_program* program, const char* tracepoint) {
    return bpf_program__set_attach_target(program, 0, tracepoint) == 0;
  };
  auto& programs = skeleton.progs;
  return found(programs.tp_io_uring_complete, "io_uring_complete") &&
         (found(programs.tp_io_uring_submit, "io_uring_submit_req") || found(programs.tp_io_uring_submit, "io_uring_submit_sqe"));
}

}  // namespace

struct Loader::State {
  Skeleton skeleton;
  bool full = false;
  bool io_uring = false;  // this kernel has its tracepoints
  int cgroup_fd = -1;
  // By row of kPrograms; the iterator is linked only while it runs.
  std::array<Link, std::size(kPrograms)> links;
  std::unique_ptr<PolicyMap> policy;
  std::uint32_t own_tgid = 0;  // as the kernel counts, whatever pid namespace we are in; identify() finds it

  bool is_loaded(const Program& row) const {
    if (is_cgroup(row.hook) && cgroup_fd < 0) return false;
    if (row.hook == HOOK_IO_URING && !io_uring) return false;
    return row.tier == In::kBoth || (row.tier == In::kFull) == full;
  }
  bpf_program* program(const Program& row) const { return skeleton->progs.*row.program; }

  Result<void> attach(std::size_t row) {
    if (links[row] != nullptr) return {};
    const LibbpfLog log;
    const std::string name(decode::hook_name(kPrograms[row].hook));
    if (!is_cgroup(kPrograms[row].hook)) {
      links[row].reset(bpf_program__attach(program(kPrograms[row])));
    } else {
      links[row].reset(bpf_program__attach_cgroup(program(kPrograms[row]), cgroup_fd));
    }
    if (links[row] == nullptr) return log.fail("attach " + name, errno);
    return {};
  }

  // What the calls of one type mean to sys_exit: the type if it is wanted, 0 if not.
  void write_tables(const CapturePlan& plan) {
    auto* globals = skeleton->bss;
    const bool open_decides = !full && plan.decides[static_cast<std::size_t>(program::Operation::kOpen)];
    const auto entry_of = [&](std::string_view name) -> std::uint16_t {
      const auto type = event::index(*event::find_event_type(name));
      const bool wanted = plan.events[type] && (!is_exec(type) || plan.failed_exec);
      if (!wanted && (!open_decides || !is_open(type))) return 0;
      const unsigned entry = static_cast<unsigned>(type) | static_cast<unsigned>(program_of(type)) << SYSCALL_ENTRY_PROGRAM;
      return static_cast<std::uint16_t>(wanted ? entry : entry | SYSCALL_ENTRY_DECIDE);
    };
    // A table's rows before `any`, which leads to them; a type told for a while after it is not wanted is no harm.
    std::array<bool, SYSCALL_NR_MAX> any{};
    for (const Syscall& call : syscalls()) {
      const std::uint16_t entry = entry_of(call.name);
      const bool look = entry != 0 || (plan.network_kills && is_refusable(event::index(*event::find_event_type(call.name))));
      const auto write = [&](__u16* table, std::uint16_t number) {
        if (number == Syscall::kNoNumber) return;
        store<__u16>(table[number], entry);
        any[number] = any[number] || look;
      };
      write(globals->syscall_type64, call.x86_64);
      write(globals->syscall_type32, call.ia32);
    }
    any[kIa32Socketcall] = any[kIa32Socketcall] || plan.network_kills;
    for (std::size_t which = 1; which < SOCKETCALL_MAX; ++which) {
      const std::uint16_t entry = entry_of(socketcalls()[which]);
      store<__u16>(globals->socketcall_type[which], entry);
      any[kIa32Socketcall] = any[kIa32Socketcall] || entry != 0;
    }
    for (std::size_t number = 0; number < SYSCALL_NR_MAX; ++number)
      store<__u8>(globals->syscall_any[number], any[number] ? 1 : 0);
    std::uint32_t lsm_types = 0;
    for (std::size_t type = 1; type < plan.lsm_events.size(); ++type) lsm_types |= plan.lsm_events[type] ? 1U << type : 0U;
    std::uint32_t capture = 0;
    if (plan.working_directory) capture |= CAPTURE_CWD;
    if (plan.data) capture |= CAPTURE_DATA;
    if (plan.environment) capture |= CAPTURE_ENVIRONMENT;
    if (plan.group) capture |= CAPTURE_GROUP;
    std::atomic_ref(globals->capture_options).store(capture);
    std::atomic_ref(globals->lsm_open_types).store(full ? lsm_types : 0);
    std::atomic_ref(globals->open_decides).store(open_decides ? 1 : 0);
    std::atomic_ref(globals->exec_decides)
        .store(!full && plan.decides[static_cast<std::size_t>(program::Operation::kExec)] ? 1 : 0);
    std::atomic_ref(globals->network_kills).store(!full && plan.network_kills ? 1 : 0);
  }

  // What the kernel knows our descriptors as.
  Result<std::vector<Identity>> identify(const std::vector<int>& fds);
};

Loader::Loader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Loader::~Loader() = default;

Result<std::unique_ptr<Loader>> Loader::create(const Options& options) {
  // Kernels before 5.11 count BPF memory against this limit; newer ones do not, so a refusal is no error.
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  (void)setrlimit(RLIMIT_MEMLOCK, &unlimited);

  const LibbpfLog log;
  auto state = std::make_unique<State>();
  state->skeleton.reset(shrike_bpf__open());
  if (state->skeleton == nullptr) return log.fail("open the kernel programs", errno);
  auto& maps = state->skeleton->maps;
  const auto resize = [](bpf_map* map, std::uint64_t bytes) {
    return bpf_map__set_max_entries(map, static_cast<__u32>(std::bit_ceil(bytes)));
  };
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return log.fail("count the possible CPUs", -cpus);
  if (resize(maps.verdicts, options.verdicts_ring_bytes) != 0 || resize(maps.processes, options.processes_ring_bytes) != 0 ||
      resize(maps.events, options.events_ring_bytes) != 0 ||
      bpf_map__set_max_entries(maps.scratch_pool, SCRATCH_PER_CPU * static_cast<__u32>(cpus)) != 0 ||
      bpf_map__set_max_entries(maps.task_states, options.task_states) != 0 ||
      bpf_map__set_max_entries(maps.cgroup_shares, options.quota_cgroups) != 0 ||
      bpf_map__set_max_entries(maps.policy_index, options.policy_entries) != 0 ||
      bpf_map__set_max_entries(maps.policy_ranges, options.policy_entries) != 0 ||
      bpf_map__set_max_entries(maps.policy_objects, options.policy_entries) != 0) {
    return log.fail("size the maps", errno);
  }
  state->full = options.full;
  state->cgroup_fd = options.cgroup_fd;
  state->io_uring = !options.full && find_io_uring(*state->skeleton);
  for (const Program& row : kPrograms) bpf_program__set_autoload(state->program(row), state->is_loaded(row));
  state->skeleton->rodata->has_cast = options.casts && can_cast() ? 1 : 0;
  auto* globals = state->skeleton->bss;
  if (getrandom(&globals->text_seed, sizeof(globals->text_seed), 0) != sizeof(globals->text_seed))
    return log.fail("get a random seed", errno);
  const std::uint64_t seed = globals->text_seed;
  if (const int error = shrike_bpf__load(state->skeleton.get()); error != 0) return log.fail("load the kernel programs", -error);
  for (const Program& row : kPrograms) {
    if (row.called == CALL_PROGRAM_NONE) continue;
    const __u32 index = row.called;
    const int fd = bpf_program__fd(state->program(row));
    if (bpf_map_update_elem(bpf_map__fd(maps.call_programs), &index, &fd, BPF_ANY) != 0)
      return log.fail("enter " + std::string(bpf_program__name(state->program(row))) + " into call_programs", errno);
  }
  globals = state->skeleton->bss;
  globals->verdicts_wakeup_bytes = options.verdicts_ring_bytes / 8;
  globals->processes_wakeup_bytes = options.processes_ring_bytes / 8;
  globals->events_wakeup_bytes = options.events_ring_bytes / 8;
  globals->policy_scope_cgroup = options.scope_cgroup;
  globals->quota_above = options.quota_above_percent >= 100
                             ? ~std::uint64_t{0}
                             : std::bit_ceil(options.events_ring_bytes) / 100 * options.quota_above_percent;
  const std::uint64_t others = 0;
  const cgroup_share none{};
  if (bpf_map_update_elem(bpf_map__fd(maps.cgroup_shares), &others, &none, BPF_ANY) != 0)
    return log.fail("make the entry of cgroups there is no room for", errno);
  state->policy = std::make_unique<PolicyMap>(
      PolicyMap::Fds{.headers = bpf_map__fd(maps.policy_headers),
                     .clauses = bpf_map__fd(maps.policy_clauses),
                     .counters = bpf_map__fd(maps.rule_counters),
                     .index = bpf_map__fd(maps.policy_index),
                     .ranges = bpf_map__fd(maps.policy_ranges),
                     .objects = bpf_map__fd(maps.policy_objects)},
      &globals->policy_generation, seed, [state = state.get()](const std::vector<int>& fds) { return state->identify(fds); });
  const UniqueFd any(::open("/", O_PATH | O_CLOEXEC));
  TRY(state->identify({any.get()}));
  globals->policy_daemon_tgid = state->own_tgid;
  return std::unique_ptr<Loader>(new Loader(std::move(state)));
}

Result<void> Loader::want(const CapturePlan& plan, const program::KernelPlan& policy) {
  if (state_->cgroup_fd < 0) {
    for (const std::size_t hook : {HOOK_CGROUP_CONNECT, HOOK_CGROUP_SENDMSG, HOOK_CGROUP_BIND}) {
      if (needs_hook(plan, hook))
        return fail(Code::kUnsupported, "attach " + std::string(decode::hook_name(hook)) + ": no cgroup2 file system is mounted");
    }
  }
  if (!policy.empty()) TRY(state_->policy->prepare(policy));
  for (std::size_t row = 0; row < std::size(kPrograms); ++row) {
    const Program& program = kPrograms[row];
    if (program.called == CALL_PROGRAM_NONE && state_->is_loaded(program) && needs_hook(plan, program.hook))
      TRY(state_->attach(row));
  }
  state_->write_tables(plan);
  if (policy.empty()) {
    state_->policy->disable();
  } else {
    state_->policy->commit();
  }
  for (std::size_t row = 0; row < std::size(kPrograms); ++row) {
    if (!needs_hook(plan, kPrograms[row].hook)) state_->links[row].reset();
  }
  return {};
}

PolicyMap& Loader::policy() { return *state_->policy; }

void Loader::detach() {
  for (Link& link : state_->links) link.reset();
}

std::size_t Loader::attached_programs() const {
  return static_cast<std::size_t>(std::ranges::count_if(state_->links, [](const Link& link) { return link != nullptr; }));
}

namespace {

// Runs an iterator program and hands out its bytes; `take` returns how many of them it has used.
Result<void> run_iterator(bpf_program* program, const bpf_iter_attach_opts* options,
                          const std::function<Result<std::size_t>(std::span<const std::byte>)>& take) {
  const LibbpfLog log;
  const Link link(bpf_program__attach_iter(program, options));
  if (link == nullptr) return log.fail("attach an iterator", errno);
  const UniqueFd fd(bpf_iter_create(bpf_link__fd(link.get())));
  if (!fd) return log.fail("open an iterator", errno);

  // Records come as one stream, cut anywhere by read(2).
  std::vector<std::byte> buffer;
  std::size_t filled = 0;
  static constexpr std::size_t kChunk = 64U << 10U;
  while (true) {
    buffer.resize(filled + kChunk);
    const ssize_t got = read(fd.get(), buffer.data() + filled, kChunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(system_error("read an iterator", errno));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    const std::size_t used = TRY(take(std::span(buffer).first(filled)));
    std::memmove(buffer.data(), buffer.data() + used, filled - used);
    filled -= used;
  }
  if (filled != 0) return fail(Code::kCorrupt, "an iterator ended inside a record");
  return {};
}

}  // namespace

Result<void> Loader::read_tasks(const RecordHandler& handler) {
  return run_iterator(state_->skeleton->progs.iter_task, nullptr, [&](std::span<const std::byte> bytes) -> Result<std::size_t> {
    std::size_t at = 0;
    while (bytes.size() - at >= sizeof(event_header)) {
      event_header header;
      std::memcpy(&header, bytes.data() + at, sizeof(header));
      if (header.size < sizeof(header) || header.size > RECORD_BYTES_MAX)
        return fail(Code::kCorrupt, "the task iterator wrote a record of a wrong size");
      if (header.size > bytes.size() - at) break;
      handler(bytes.subspan(at, header.size));
      at += header.size;
    }
    return at;
  });
}

Result<std::vector<Identity>> Loader::identify(const std::vector<int>& fds) { return state_->identify(fds); }

Result<std::vector<Identity>> Loader::State::identify(const std::vector<int>& fds) {
  bpf_iter_link_info info{};
  info.task.pid = static_cast<__u32>(getpid());
  bpf_iter_attach_opts options{};
  options.sz = sizeof(options);
  options.link_info = &info;
  options.link_info_len = sizeof(info);
  std::map<int, Identity> found;
  const auto take = [&](std::span<const std::byte> bytes) -> Result<std::size_t> {
    std::size_t at = 0;
    for (; bytes.size() - at >= sizeof(file_identity); at += sizeof(file_identity)) {
      file_identity file;
      std::memcpy(&file, bytes.data() + at, sizeof(file));
      found[static_cast<int>(file.fd)] = {file.ino, file.dev, file.inode_generation};
      own_tgid = file.tgid;
    }
    return at;
  };
  TRY(run_iterator(skeleton->progs.iter_file, &options, take));
  std::vector<Identity> identities;
  for (const int fd : fds) {
    const auto at = found.find(fd);
    if (at == found.end()) return fail(Code::kCorrupt, "the file iterator left out one of our own descriptors");
    identities.push_back(at->second);
  }
  return identities;
}

Result<std::vector<HookReport>> Loader::counters() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return std::unexpected(system_error("count the possible CPUs", -cpus));
  std::vector<HookReport> reports;
  std::vector<hook_counters> per_cpu(static_cast<std::size_t>(cpus));
  for (const Program& row : kPrograms) {
    if (!state_->is_loaded(row)) continue;
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    const bool known = bpf_obj_get_info_by_fd(bpf_program__fd(state_->program(row)), &info, &size) == 0;
    if (!reports.empty() && reports.back().hook == row.hook) {  // its second program
      if (known) reports.back().recursion_misses += info.recursion_misses;
      continue;
    }
    HookReport report{.hook = static_cast<std::uint8_t>(row.hook), .name = decode::hook_name(row.hook)};
    const auto hook = static_cast<std::uint32_t>(row.hook);
    if (bpf_map_lookup_elem(bpf_map__fd(state_->skeleton->maps.hook_counters), &hook, per_cpu.data()) != 0) {
      return std::unexpected(system_error("read the counters", errno));
    }
    for (const hook_counters& one : per_cpu) add(report.counters, one);
    if (known) report.recursion_misses = info.recursion_misses;
    reports.push_back(report);
  }
  return reports;
}

Result<std::array<ClassReport, CLASS_COUNT>> Loader::class_counters() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return std::unexpected(system_error("count the possible CPUs", -cpus));
  std::array<ClassReport, CLASS_COUNT> reports{{{.name = "verdicts"}, {.name = "processes"}, {.name = "events"}}};
  std::vector<struct class_counters> per_cpu(static_cast<std::size_t>(cpus));
  for (std::uint32_t of = 0; of < reports.size(); ++of) {
    if (bpf_map_lookup_elem(bpf_map__fd(state_->skeleton->maps.class_counters), &of, per_cpu.data()) != 0)
      return std::unexpected(system_error("read the counters", errno));
    for (const auto& one : per_cpu) {
      reports[of].counters.produced += one.produced;
      reports[of].counters.lost_ring_full += one.lost_ring_full;
      reports[of].counters.lost_no_scratch += one.lost_no_scratch;
      reports[of].counters.lost_quota += one.lost_quota;
    }
  }
  return reports;
}

Result<std::vector<CgroupReport>> Loader::cgroup_shares() const {
  const int fd = bpf_map__fd(state_->skeleton->maps.cgroup_shares);
  std::vector<std::uint64_t> ids(QUOTA_CGROUPS_MAX);
  std::vector<cgroup_share> shares(QUOTA_CGROUPS_MAX);
  std::uint64_t next = 0;
  auto count = static_cast<std::uint32_t>(ids.size());
  // ENOENT: that was all.
  if (bpf_map_lookup_batch(fd, nullptr, &next, ids.data(), shares.data(), &count, nullptr) != 0 && errno != ENOENT)
    return std::unexpected(system_error("read the shares of cgroups", errno));
  std::vector<CgroupReport> reports;
  reports.reserve(count);
  for (std::size_t i = 0; i < count; ++i) reports.push_back({ids[i], shares[i]});
  return reports;
}

std::optional<CgroupReport> Loader::forget_cgroup(std::uint64_t id) {
  CgroupReport last{.id = id};
  if (bpf_map_lookup_and_delete_elem(bpf_map__fd(state_->skeleton->maps.cgroup_shares), &id, &last.share) != 0)
    return std::nullopt;
  return last;
}

std::array<int, 3> Loader::ring_fds() const {
  const auto& maps = state_->skeleton->maps;
  return {bpf_map__fd(maps.verdicts), bpf_map__fd(maps.processes), bpf_map__fd(maps.events)};
}

std::vector<Loader::Verified> Loader::verified_instructions() const {
  std::vector<Verified> all;
  for (const Program& row : kPrograms) {
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    if (state_->is_loaded(row) && bpf_obj_get_info_by_fd(bpf_program__fd(state_->program(row)), &info, &size) == 0)
      all.push_back({bpf_program__name(state_->program(row)), info.verified_insns});
  }
  return all;
}

}  // namespace shrike::kernel
