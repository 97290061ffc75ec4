/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* May this program be run? Called once per exec, with the file that will really run (of a script its interpreter) and the
 * credentials it will have; all before the point of no return, so the caller of a refused exec gets EPERM and goes on.
 * bprm_check_security comes once per level of interpreters and before the credentials are known: what it could refuse, this does.
 */
#include "bpf/lib/decide.bpf.h"
#include "bpf/lib/exec.bpf.h"

/* The name comm will have, read into decision->leaf: the last component of the name that was executed, at most COMM_BYTES bytes.
 * Kernel: begin_new_exec (fs/exec.c). */
SUBPROGRAM int comm__read(struct decision* decision, const struct linux_binprm* bprm) {
  if (!decision) return 0;
  const char* name = BPF_CORE_READ(bprm, filename);
  if (bpf_core_field_exists(bprm->comm_from_dentry) && BPF_CORE_READ_BITFIELD_PROBED(bprm, comm_from_dentry))
    name = (const char*)BPF_CORE_READ(bprm, file, f_path.dentry, d_name.name);
  struct path_buffer* buffer = &decision->buffer;
  const long size = bpf_probe_read_kernel_str(buffer->path, PATH_BYTES_MAX, name);
  buffer->walk.position = 0;
  scan__begin(decision, FIELD_COUNT);
  decision->scan.end = size > 0 ? (__u32)size - 1 : 0;
  struct decision_context context = {.decision = decision};
  bpf_loop(PATH_BYTES_MAX / SCAN_STEP, scan__step, &context, 0);
  const __u32 leaf = decision->scan.leaf_at & (PATH_BYTES_MAX - 1);
  bpf_probe_read_kernel_str(decision->leaf, COMM_BYTES + 1, buffer->path + leaf);
  return 0;
}

static __always_inline bool exec_check__decide(struct decision* decision, struct task_struct* task,
                                               const struct linux_binprm* bprm) {
  struct hook_counters* counters = counters__of(HOOK_BPRM_CREDS_FROM_FILE);
  if (!counters) return false; /* for the verifier */
  if (!subject__apply(decision, task, BPF_CORE_READ(bprm, cred, euid.val))) return false;
  comm__read(decision, bprm);
  __sync_fetch_and_add(&counters->decided, 1);
  if (program__compute(decision, task, BPF_CORE_READ(bprm, file), decision->scan.comm))
    __sync_fetch_and_add(&counters->unsure_path, 1);
  words__and(decision->alive, decision->program);
  return words__any(decision->alive);
}

static __always_inline void exec_check__report(struct task_struct* task, const struct linux_binprm* bprm,
                                               const struct decision* decision) {
  struct scratch* scratch =
      record__begin(HOOK_BPRM_CREDS_FROM_FILE, CLASS_VERDICT, EVENT_KIND_EXEC_CHECK, sizeof(struct event_process));
  if (!scratch) return; /* counted by record__begin */
  struct event_process* event = (struct event_process*)scratch->record;
  event_header__fill(scratch, task);
  event->header.type = exec__type(bprm);
  event->header.flags |= EVENT_FLAG_VERDICT_ONLY;
  event->header.creds.uid = BPF_CORE_READ(bprm, cred, euid.val);
  event->header.creds.gid = BPF_CORE_READ(bprm, cred, egid.val);
  event_process__fill(event, task);
  __builtin_memset(event->comm, 0, sizeof(event->comm));
  bpf_probe_read_kernel_str(event->comm, sizeof(event->comm), decision->leaf);
  struct file* exe = BPF_CORE_READ(bprm, file);
  walk__set_root(&scratch->buffer, task);
  event_file__fill(&event->exe, exe);
  file_path__append(scratch, &event->exe_path, exe);
  cwd__append(scratch, &event->cwd, task);
  filename__append(scratch, event, bprm);
  verdict__append(scratch, &decision->verdict);
  names__append(scratch, &event->names, &decision->names);
  verdict__submit(scratch, HOOK_BPRM_CREDS_FROM_FILE);
}

SEC("lsm/bprm_creds_from_file")
int lsm_bprm_creds_from_file(__u64* ctx) {
  const struct linux_binprm* bprm = (const struct linux_binprm*)ctx[0];
  struct task_struct* task = bpf_get_current_task_btf();
  bool refuse;
  struct decision* decision =
      decision__begin(task, HOOK_BPRM_CREDS_FROM_FILE, OPERATIONS(OPERATION_EXEC, OPERATION_EXEC), &refuse);
  if (!decision) return hook__result(refuse); /* 0: no clause can hit */
  if (exec_check__decide(decision, task, bprm)) {
    refuse = decision__act(decision, OPERATION_EXEC, true);
    if (decision->verdict.rule_count != 0) exec_check__report(task, bprm, decision);
  }
  decision__release(decision);
  return hook__result(refuse); /* 0: no enforcing rule hits */
}
