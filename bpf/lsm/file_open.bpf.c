/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* May this file be opened? Every way to open one passes here, the object already known: open, openat, openat2, creat,
 * open_by_handle_at, io_uring. O_PATH does not, nor does it give access. What exec opens to run it is an exec, decided there.
 *
 * An overlay opens the file beneath on its own, after the caller's open: that one is decided by its object alone (a rule may name
 * it) and is no event of its own. */
#include "bpf/lib/open.bpf.h"

/* The object alone: its path is the overlay's, which the caller's own open was decided by. Nothing hits unless a rule names this
 * very inode. */
SUBPROGRAM int beneath__apply(struct decision* decision, struct inode* inode) {
  if (!decision) return 0;
  const struct policy_header* header = header__at(decision->slot);
  if (!header) return 0; /* for the verifier */
  sources__begin(decision);
  sources__add(decision, &header->otherwise[FIELD_PATH]);
  decision->objects.field = FIELD_PATH;
  decision->names.count = 0;
  objects__add(decision, inode, OBJECT_FILE, 0, 0);
  if (decision->names.count == 0) return vector__fill(decision->alive, 0);
  sources__apply(decision, decision->alive);
  return 0;
}

/* False: nothing hit. */
static __always_inline bool file__decide(struct decision* decision, struct task_struct* task, struct file* file, bool beneath) {
  __u32 access = READ(file, f_mode) & (FMODE_READ | FMODE_WRITE);
  if (READ(file, f_flags) & O_TRUNC) access |= ACCESS_WRITE; /* O_RDONLY|O_TRUNC empties the file */
  const struct inode* inode = READ(file, f_inode);
  const bool directory = (READ(inode, i_mode) & S_IFMT) == S_IFDIR;
  access__apply(decision, access | (directory ? ACCESS_DIRECTORY : 0));
  const struct cred* cred = beneath ? task->real_cred : task->cred; /* an overlay acts with its mounter's */
  if (!subject__apply(decision, task, cred->euid.val)) return false;
  if (beneath)
    beneath__apply(decision, READ(file, f_inode));
  else
    file__apply(decision, task, READ(file, f_path.mnt), READ(file, f_path.dentry), directory);
  return words__any(decision->alive);
}

static __always_inline void opened__report(struct task_struct* task, struct file* file, const struct call_type* call,
                                           const struct decision* decision, bool refused) {
  struct scratch* scratch;
  struct event_open* event = open_record__begin(&scratch, HOOK_FILE_OPEN, task, call, decision, refused);
  if (!event) return; /* counted by record__begin */
  event->open_flags = READ(file, f_flags);
  event_open__fill_opened(scratch, event, file);
  open_record__submit(scratch, HOOK_FILE_OPEN, decision != NULL);
}

SEC("lsm/file_open")
int lsm_file_open(__u64* ctx) {
  struct file* file = (struct file*)ctx[0];
  if (READ(file, f_flags) & FMODE_EXEC_FLAG) return 0; /* not an opening: bprm_creds_from_file decides what is run */
  struct task_struct* task = bpf_get_current_task_btf();
  const struct call_type call = call__of_open();
  const bool beneath = READ(file, f_mode) & FMODE_NOACCOUNT;

  bool refuse, hit = false;
  struct decision* decision = decision__begin(task, HOOK_FILE_OPEN, OPERATIONS(OPERATION_OPEN, OPERATION_OPEN), &refuse);
  if (decision && file__decide(decision, task, file, beneath)) {
    refuse = decision__act(decision, OPERATION_OPEN, true);
    hit = decision->verdict.rule_count != 0;
  }
  const bool event = !beneath && !call.told && (call.syscall || call.uring) && lsm_open_types & TYPE(call.type);
  if (hit || (event && !refuse)) opened__report(task, file, &call, hit ? decision : NULL, refuse);
  if (decision) decision__release(decision);
  return hook__result(refuse); /* 0: no enforcing rule hits */
}
