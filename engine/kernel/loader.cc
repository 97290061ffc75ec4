// SPDX-License-Identifier: Apache-2.0
#include "engine/kernel/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <optional>
#include <string>

#include "engine/base/handle.h"
#include "shrike.skel.h"

namespace shrike::kernel {
namespace {

using Link = std::unique_ptr<bpf_link, Destroyer<bpf_link__destroy>>;
using Skeleton = std::unique_ptr<shrike_bpf, Destroyer<shrike_bpf__destroy>>;

constexpr std::string_view kHookNames[] = {"sched_process_exec", "sched_process_fork", "sched_process_exit", "sys_exit",
                                           "iter_task", "bprm_creds_from_file", "file_open", "path_mknod", "socket_connect",
                                           "socket_sendmsg", "socket_bind", "cgroup_connect", "cgroup_sendmsg", "cgroup_bind"};
static_assert(std::size(kHookNames) == HOOK_COUNT);

// The numbers a type of event has. ia32: arch/x86/entry/syscalls/syscall_32.tbl.
struct SyscallNumber {
  event_type type;
  std::uint16_t x86_64;
  std::uint16_t ia32;
};
constexpr SyscallNumber kSyscalls[] = {
    {EVENT_TYPE_EXECVE, SYS_execve, 11},    {EVENT_TYPE_EXECVEAT, SYS_execveat, 358}, {EVENT_TYPE_OPEN, SYS_open, 5},
    {EVENT_TYPE_OPENAT, SYS_openat, 295},   {EVENT_TYPE_OPENAT2, SYS_openat2, 437},   {EVENT_TYPE_CREAT, SYS_creat, 8},
    {EVENT_TYPE_CONNECT, SYS_connect, 362}, {EVENT_TYPE_SYMLINK, SYS_symlink, 83},    {EVENT_TYPE_SYMLINKAT, SYS_symlinkat, 304},
    {EVENT_TYPE_LINK, SYS_link, 9},         {EVENT_TYPE_LINKAT, SYS_linkat, 303},     {EVENT_TYPE_PTRACE, SYS_ptrace, 26},
};
static_assert(std::size(kSyscalls) + 1 == EVENT_TYPE_OPEN_BY_HANDLE_AT, "every type sys_exit tells");
constexpr std::uint16_t kIa32Socketcall = 102;  // multiplexes connect among others; sys_exit looks at its first argument

bool is_exec(std::size_t type) { return type == EVENT_TYPE_EXECVE || type == EVENT_TYPE_EXECVEAT; }

// Whole bytes that programs read while we write.
void store(__u8& at, std::uint8_t value) { std::atomic_ref(at).store(value, std::memory_order_release); }

// libbpf reports through one callback per process; the reason the verifier gives is what a user needs, so the last lines are
// kept.
thread_local std::string* libbpf_log = nullptr;

__attribute__((format(printf, 2, 0))) int keep_log(libbpf_print_level level, const char* format, va_list arguments) {
  if (libbpf_log == nullptr || level == LIBBPF_DEBUG) return 0;
  char line[512];
  const int size = vsnprintf(line, sizeof(line), format, arguments);
  if (size > 0) libbpf_log->append(line, std::min<std::size_t>(static_cast<std::size_t>(size), sizeof(line) - 1));
  return size;
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
    // The complaint that matters comes first; verifier logs can be long.
    if (!text_.empty()) error.message += " (" + text_.substr(0, text_.find('\n')) + ")";
    return std::unexpected(std::move(error));
  }

 private:
  std::string text_;
  libbpf_print_fn_t previous_;
};

}  // namespace

bool CapturePlan::needs_sys_exit() const {
  for (std::size_t type = 1; type < kEventTypes; ++type) {
    if (events[type] && (!is_exec(type) || failed_exec)) return true;
  }
  return false;
}

std::string_view hook_name(std::size_t hook) { return hook < HOOK_COUNT ? kHookNames[hook] : std::string_view("unknown"); }

struct Loader::State {
  Skeleton skeleton;
  // By hook; the iterator is linked only while it runs.
  std::array<Link, HOOK_COUNT> links;

  bpf_program* program(std::size_t hook) const {
    switch (hook) {
      case HOOK_SCHED_PROCESS_EXEC:
        return skeleton->progs.tp_sched_process_exec;
      case HOOK_SCHED_PROCESS_FORK:
        return skeleton->progs.tp_sched_process_fork;
      case HOOK_SCHED_PROCESS_EXIT:
        return skeleton->progs.tp_sched_process_exit;
      case HOOK_SYS_EXIT:
        return skeleton->progs.tp_sys_exit;
      default:
        return skeleton->progs.iter_task;
    }
  }

  Result<void> attach(std::size_t hook) {
    if (links[hook] != nullptr) return {};
    const LibbpfLog log;
    links[hook].reset(bpf_program__attach(program(hook)));
    if (links[hook] == nullptr) return log.fail("attach " + std::string(hook_name(hook)), errno);
    return {};
  }

  // What the calls of one type mean to sys_exit: the type if it is wanted, 0 if not.
  void write_tables(const CapturePlan& plan) {
    auto* globals = skeleton->bss;
    std::array<bool, SYSCALL_NR_MAX> any{};
    const auto write = [&](__u8* table, std::uint16_t number, std::uint8_t value) {
      store(table[number], value);
      any[number] = any[number] || value != 0;
    };
    for (const SyscallNumber& call : kSyscalls) {
      const bool wanted = plan.events[call.type] && (!is_exec(call.type) || plan.failed_exec);
      const auto value = static_cast<std::uint8_t>(wanted ? call.type : EVENT_TYPE_NONE);
      write(globals->syscall_type64, call.x86_64, value);
      write(globals->syscall_type32, call.ia32, value);
      if (call.type == EVENT_TYPE_CONNECT) write(globals->syscall_type32, kIa32Socketcall, value);
    }
    for (std::size_t number = 0; number < SYSCALL_NR_MAX; ++number) store(globals->syscall_any[number], any[number] ? 1 : 0);
    std::atomic_ref(globals->capture_options).store(plan.working_directory ? CAPTURE_CWD : 0);
  }
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
      bpf_map__set_max_entries(maps.scratch_pool, SCRATCH_PER_CPU * static_cast<__u32>(cpus)) != 0) {
    return log.fail("size the maps", errno);
  }
  if (const int error = shrike_bpf__load(state->skeleton.get()); error != 0) return log.fail("load the kernel programs", -error);
  state->skeleton->bss->processes_wakeup_bytes = options.processes_ring_bytes / 8;
  state->skeleton->bss->events_wakeup_bytes = options.events_ring_bytes / 8;
  return std::unique_ptr<Loader>(new Loader(std::move(state)));
}

Result<void> Loader::want(const CapturePlan& plan) {
  for (const std::size_t hook : {HOOK_SCHED_PROCESS_EXIT, HOOK_SCHED_PROCESS_FORK, HOOK_SCHED_PROCESS_EXEC})
    TRY(state_->attach(hook));
  if (plan.needs_sys_exit()) TRY(state_->attach(HOOK_SYS_EXIT));
  state_->write_tables(plan);
  if (!plan.needs_sys_exit()) state_->links[HOOK_SYS_EXIT].reset();
  return {};
}

void Loader::detach() {
  for (Link& link : state_->links) link.reset();
}

std::size_t Loader::attached_programs() const {
  return static_cast<std::size_t>(std::ranges::count_if(state_->links, [](const Link& link) { return link != nullptr; }));
}

Result<void> Loader::read_tasks(const RecordHandler& handler) {
  const LibbpfLog log;
  const Link link(bpf_program__attach_iter(state_->skeleton->progs.iter_task, nullptr));
  if (link == nullptr) return log.fail("attach the task iterator", errno);
  const UniqueFd fd(bpf_iter_create(bpf_link__fd(link.get())));
  if (!fd) return log.fail("open the task iterator", errno);

  // Records come as one stream, cut anywhere by read(2).
  std::vector<std::byte> buffer;
  std::size_t filled = 0;
  static constexpr std::size_t kChunk = 64U << 10U;
  while (true) {
    buffer.resize(filled + kChunk);
    const ssize_t got = read(fd.get(), buffer.data() + filled, kChunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(system_error("read the task iterator", errno));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    std::size_t at = 0;
    while (filled - at >= sizeof(event_header)) {
      event_header header;
      std::memcpy(&header, buffer.data() + at, sizeof(header));
      if (header.size < sizeof(header) || header.size > RECORD_BYTES_MAX)
        return fail(Code::kCorrupt, "the task iterator wrote a record of a wrong size");
      if (header.size > filled - at) break;
      handler(std::span(buffer).subspan(at, header.size));
      at += header.size;
    }
    std::memmove(buffer.data(), buffer.data() + at, filled - at);
    filled -= at;
  }
  if (filled != 0) return fail(Code::kCorrupt, "the task iterator ended inside a record");
  return {};
}

Result<std::vector<HookReport>> Loader::counters() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return std::unexpected(system_error("count the possible CPUs", -cpus));
  std::vector<HookReport> reports;
  std::vector<hook_counters> per_cpu(static_cast<std::size_t>(cpus));
  for (std::uint32_t hook = 0; hook < HOOK_COUNT; ++hook) {
    HookReport report{.hook = static_cast<std::uint8_t>(hook), .name = kHookNames[hook]};
    if (bpf_map_lookup_elem(bpf_map__fd(state_->skeleton->maps.hook_counters), &hook, per_cpu.data()) != 0) {
      return std::unexpected(system_error("read the counters", errno));
    }
    for (const hook_counters& one : per_cpu) {
      report.counters.produced += one.produced;
      report.counters.lost_ring_full += one.lost_ring_full;
      report.counters.lost_no_scratch += one.lost_no_scratch;
      report.counters.user_unread += one.user_unread;
      report.counters.path_truncated += one.path_truncated;
      report.counters.fd_gone += one.fd_gone;
    }
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(state_->program(hook)), &info, &size) == 0)
      report.recursion_misses = info.recursion_misses;
    reports.push_back(report);
  }
  return reports;
}

std::array<int, 3> Loader::ring_fds() const {
  const auto& maps = state_->skeleton->maps;
  return {bpf_map__fd(maps.verdicts), bpf_map__fd(maps.processes), bpf_map__fd(maps.events)};
}

std::vector<Loader::Verified> Loader::verified_instructions() const {
  std::vector<Verified> all;
  for (std::uint32_t hook = 0; hook < HOOK_COUNT; ++hook) {
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(state_->program(hook)), &info, &size) == 0) {
      all.push_back({kHookNames[hook], info.verified_insns});
    }
  }
  return all;
}

}  // namespace shrike::kernel
