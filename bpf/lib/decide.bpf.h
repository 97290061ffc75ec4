/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A decision's life: begin (who acts, and can any clause still hit), AND the fields of the object, finish (what hit, who decides,
 * counted), report, release.
 *
 * Which way a failure falls stands at the failure, and in docs/threat_model.md. */
#ifndef SHRIKE_BPF_LIB_DECIDE_BPF_H
#define SHRIKE_BPF_LIB_DECIDE_BPF_H

#include <bpf/bpf_endian.h>

#include "bpf/lib/state.bpf.h"

/* --- which call is it */

struct call_type {
  __u16 type;   /* enum event_type */
  bool told;    /* sys_exit will tell this very call to the rules that want it */
  bool syscall; /* a system call of this operation's family */
  bool uring;   /* io_uring's; neither: something else that opens, or the kernel on its own */
};

#define TYPE(type) (1U << (type))

static __always_inline __u16 syscall__type(__u64 nr, bool compat) {
  switch (compat ? nr | 1ULL << 32 : nr) {
#define CALL(nr64, nr32, type) \
  case nr64:                   \
  case nr32 | 1ULL << 32:      \
    return type
    CALL(59, 11, EVENT_TYPE_EXECVE); /* arch/x86/entry/syscalls/syscall_64.tbl, syscall_32.tbl */
    CALL(322, 358, EVENT_TYPE_EXECVEAT);
    CALL(2, 5, EVENT_TYPE_OPEN);
    CALL(257, 295, EVENT_TYPE_OPENAT);
    CALL(437, 437, EVENT_TYPE_OPENAT2);
    CALL(85, 8, EVENT_TYPE_CREAT);
    CALL(304, 342, EVENT_TYPE_OPEN_BY_HANDLE_AT);
    CALL(42, 362, EVENT_TYPE_CONNECT);
    CALL(44, 369, EVENT_TYPE_SENDTO);
    CALL(46, 370, EVENT_TYPE_SENDMSG);
    CALL(307, 345, EVENT_TYPE_SENDMMSG);
    CALL(49, 361, EVENT_TYPE_BIND);
#undef CALL
  }
  return EVENT_TYPE_NONE;
}

/* Of ia32's socketcall, by its first argument. */
static __always_inline __u16 socketcall__type(__u32 which) {
  switch (which) {
    case SYS_BIND:
      return EVENT_TYPE_BIND;
    case SYS_CONNECT:
      return EVENT_TYPE_CONNECT;
    case SYS_SEND:
    case SYS_SENDTO:
      return EVENT_TYPE_SENDTO;
    case SYS_SENDMSG:
      return EVENT_TYPE_SENDMSG;
    case SYS_SENDMMSG:
      return EVENT_TYPE_SENDMMSG;
  }
  return EVENT_TYPE_NONE;
}

enum call_bits { CALL_TOLD = 1 << 16, CALL_SYSCALL = 1 << 17, CALL_URING = 1 << 18 };

/* As one number, from a function the verifier looks at by itself: so it does not follow every kind of call through the whole
 * program.
 * __weak: one copy in the linked object. */
__weak __noinline __u64 call__bits(__u32 types, __u32 standard) {
  struct task_struct* task = bpf_get_current_task_btf();
  if (task->flags & PF_IO_WORKER) return standard | CALL_URING; /* a worker has no registers of a caller */
  const struct pt_regs* regs = (const struct pt_regs*)bpf_task_pt_regs(task);
  const bool compat = task->thread_info.status & TS_COMPAT;
  const __u64 nr = BPF_CORE_READ(regs, orig_ax) & ~(__u64)X32_SYSCALL_BIT;
  const __u64 first = BPF_CORE_READ(regs, bx);
  const __u16 type = compat && nr == IA32_SOCKETCALL ? socketcall__type(first) : syscall__type(nr, compat);
  if (type == EVENT_TYPE_NONE || !(types & TYPE(type))) return standard | (nr == SYSCALL_IO_URING_ENTER ? CALL_URING : 0);
  const __u16 entry = syscall__entry(nr, compat, first);
  return type | CALL_SYSCALL | (entry && !(entry & SYSCALL_ENTRY_DECIDE) ? CALL_TOLD : 0);
}

/* `types`: bit per enum event_type of the operation; anything else, io_uring's among it, is told as `standard`. */
static __always_inline struct call_type call__of(__u32 types, __u16 standard) {
  const __u64 bits = call__bits(types, standard);
  return (struct call_type){.type = bits, .told = bits & CALL_TOLD, .syscall = bits & CALL_SYSCALL, .uring = bits & CALL_URING};
}

/* --- begin */

struct scope_walk {
  __u64 node; /* struct kernfs_node * */
  __u32 found;
  __u32 reserved;
};

static long scope__step(__u32 index, struct scope_walk* walk) {
  (void)index;
  const struct kernfs_node* node = (const struct kernfs_node*)walk->node;
  if (!node) return 1;
  if (BPF_CORE_READ(node, id) == policy_scope_cgroup) {
    walk->found = 1;
    return 1;
  }
  walk->node = (__u64)kernfs_node__parent(node);
  return 0;
}

/* PID 1 and the daemon are never refused; outside the scope nobody is. */
static __always_inline bool task__is_exempt(struct task_struct* task) {
  if (task->tgid == 1 || task->tgid == (int)policy_daemon_tgid) return true;
  if (!policy_scope_cgroup) return false;
  struct scope_walk walk = {.node = (__u64)task->cgroups->dfl_cgrp->kn};
  bpf_loop(CGROUP_DEPTH_MAX, scope__step, &walk, 0);
  return !walk.found;
}

/* Which operations a decision is about, as one number: one, or two (a send with TCP Fast Open connects too). */
#define OPERATIONS(first, second) ((__u64)(first) << 32 | (second))

/* Can any clause of these operations still hit, given the vectors at hand? NULL: not known yet. `enforcing`: of rules that
 * enforce. */
SUBPROGRAM bool header__may_hit(const struct policy_header* header, __u64 operations, const __u64* ancestry, const __u64* program,
                                bool enforcing) {
  __u64 any = 0;
  if (!header) return false;
  const __u32 first = operations >> 32, second = operations;
  if (first >= OPERATION_COUNT || second >= OPERATION_COUNT) return 0; /* for the verifier */
  for (__u32 w = 0; w < POLICY_WORDS; ++w) {
    __u64 word = header->operation[first][w] | header->operation[second][w];
    if (enforcing) word &= header->enforcing[w];
    if (ancestry) word &= ancestry[w];
    if (program) word &= program[w];
    any |= word;
  }
  return any != 0;
}

SUBPROGRAM int alive__begin(struct decision* decision, const struct policy_header* header, __u64 operations) {
  if (!decision || !header) return 0;
  const __u32 first = operations >> 32, second = operations;
  if (first >= OPERATION_COUNT || second >= OPERATION_COUNT) return 0; /* for the verifier */
  for (__u32 w = 0; w < POLICY_WORDS; ++w)
    decision->alive[w] = (header->operation[first][w] | header->operation[second][w]) & decision->ancestry[w];
  return 0;
}

/* Begins a decision about `task` (the current one), with the clauses of `operations` that its ancestors (and its program, unless
 * the operation is an exec, which has a new one) leave alive. NULL: nothing can hit, and *refuse says whether that is for want of
 * a buffer and falls closed. */
static __always_inline struct decision* decision__begin(struct task_struct* task, __u32 hook, __u64 operations, bool* refuse) {
  *refuse = false;
  const __u32 generation = policy_generation;
  if (!generation) return NULL; /* no policy: nothing to count */
  struct hook_counters* counters = counters__of(hook);
  if (!counters) return NULL; /* for the verifier */
  const __u32 slot = generation % POLICY_SLOTS;
  const struct policy_header* header = header__at(slot);
  if (!header || header->generation != generation) {
    /* Open: nothing is known of any rule. The engine waits until no program can hold an old generation before it writes its slot.
     */
    __sync_fetch_and_add(&counters->unsure_no_policy, 1);
    return NULL;
  }
  if (!(header->operations & (1U << (operations >> 32) | 1U << (__u32)operations))) return NULL; /* no rule asks */
  if (task__is_exempt(task)) return NULL;

  const bool exec = operations == OPERATIONS(OPERATION_EXEC, OPERATION_EXEC) && hook != HOOK_SCHED_PROCESS_EXEC;
  const struct task_key key = task__key(task);
  const struct task_state* state = bpf_map_lookup_elem(&task_states, &key);
  const bool fresh = state && state__is_fresh(state, task, generation);
  if (fresh && !header__may_hit(header, operations, state->ancestry, exec ? NULL : state->program, false) &&
      state__is_fresh(state, task, generation))
    return NULL; /* what nearly every call of a quiet host ends with */

  struct decision* decision = decision__claim((__u32)task->pid);
  if (!decision) {
    /* Closed, but only for a task some enforcing clause may be about. */
    __sync_fetch_and_add(&counters->unsure_no_buffer, 1);
    *refuse = fresh ? header__may_hit(header, operations, state->ancestry, exec ? NULL : state->program, true)
                    : header__may_hit(header, operations, NULL, NULL, true);
    if (*refuse) __sync_fetch_and_add(&counters->refused, 1);
    return NULL;
  }
  decision->generation = generation;
  decision->slot = slot;
  decision->hook = hook;
  decision->fields = header->fields;
  decision->flags = 0;
  decision->names.generation = generation;
  decision->verdict.rule_count = 0;
  state__vectors(decision, task, counters);
  decision->names.count = 0; /* what came together now are names of the program */
  alive__begin(decision, header, operations);
  if (!exec) words__and(decision->alive, decision->program);
  if (words__any(decision->alive)) return decision;
  decision__release(decision);
  return NULL;
}

/* --- who acts */

static long cgroup__step(__u32 index, struct decision_context* context) {
  (void)index;
  struct decision* decision = context->decision;
  const struct kernfs_node* node = (const struct kernfs_node*)decision->objects.dentry;
  const struct kernfs_node* parent = kernfs_node__parent(node);
  if (!parent) {
    decision->objects.end = WALK_AT_ROOT;
    return 1;
  }
  struct path_buffer* buffer = &decision->buffer;
  const char* name = BPF_CORE_READ(node, name);
  const long size = bpf_probe_read_kernel_str(decision->leaf, sizeof(decision->leaf), name);
  if (size <= 0 || !walk__prepend(buffer, decision->leaf, (__u32)size - 1, true)) return 1;
  decision->objects.dentry = (__u64)parent;
  return 0;
}

/* Path and kind of a cgroup, computed once per cgroup and generation. */
SUBPROGRAM int cgroup__entry(struct decision* decision, struct kernfs_node* node, struct cgroup_entry* entry) {
  if (!decision || !entry) return 0;
  struct path_buffer* buffer = &decision->buffer;
  buffer->walk.position = PATH_BYTES_MAX;
  decision->objects.dentry = (__u64)node; /* where the walk is */
  decision->objects.end = WALK_GOES_ON;
  struct decision_context context = {.decision = decision};
  bpf_loop(CGROUP_DEPTH_MAX, cgroup__step, &context, 0);
  if (buffer->walk.position == PATH_BYTES_MAX) {
    buffer->walk.position = PATH_BYTES_MAX - 1;
    buffer->path[PATH_BYTES_MAX - 1] = '/';
  }
  scan__run(decision, FIELD_CGROUP);
  entry->generation = decision->generation;
  entry->hash = decision->scan.hash;
  entry->below = decision->scan.below;
  entry->container = decision->scan.container;
  entry->unsure = decision->objects.end != WALK_AT_ROOT;
  return 0;
}

SUBPROGRAM int cgroup__apply(struct decision* decision, struct task_struct* task, struct hook_counters* counters) {
  if (!decision || !counters) return 0;
  struct kernfs_node* node = task->cgroups->dfl_cgrp->kn;
  const __u64 id = BPF_CORE_READ(node, id);
  struct cgroup_entry entry = {};
  const struct cgroup_entry* known = bpf_map_lookup_elem(&cgroup_entries, &id);
  if (known) entry = *known;
  /* The second look: what was evicted and given to another cgroup while it was copied is not ours. */
  if (!known || entry.generation != decision->generation || bpf_map_lookup_elem(&cgroup_entries, &id) != known) {
    cgroup__entry(decision, node, &entry);
    bpf_map_update_elem(&cgroup_entries, &id, &entry, BPF_ANY); /* not kept: computed again */
  }
  if (entry.unsure) { /* closed: what a path or container predicate would say can't be told */
    __sync_fetch_and_add(&counters->unsure_path, 1);
    if (decision->fields & FIELD(FIELD_CGROUP)) unsure__apply(decision, decision->alive, FIELD_CGROUP);
    if (decision->fields & FIELD(FIELD_CONTAINER)) unsure__apply(decision, decision->alive, FIELD_CONTAINER);
    return 0;
  }
  if (decision->fields & FIELD(FIELD_CGROUP))
    vector__and(decision->alive, scan__vector(decision, FIELD_CGROUP, entry.hash, entry.below));
  if (decision->fields & FIELD(FIELD_CONTAINER))
    vector__and(decision->alive, index__vector(decision, FIELD_CONTAINER, entry.container));
  return 0;
}

static __always_inline void uid__apply(struct decision* decision, __u32 uid) {
  struct policy_range_key key = {};
  *(__u32*)key.number = bpf_htonl(uid);
  vector__and(decision->alive, range__vector(decision, FIELD_UID, 32, &key));
}

/* What changes without exec. False: nothing is left alive. */
static __always_inline bool subject__apply(struct decision* decision, struct task_struct* task, __u32 uid) {
  struct hook_counters* counters = counters__of(decision->hook);
  if (!counters) return false; /* for the verifier */
  if (decision->fields & FIELD(FIELD_UID)) uid__apply(decision, uid);
  if (decision->fields & (FIELD(FIELD_CGROUP) | FIELD(FIELD_CONTAINER))) {
    if (!words__any(decision->alive)) return false;
    cgroup__apply(decision, task, counters);
  }
  return words__any(decision->alive);
}

/* --- finish */

static long clause__step(__u32 index, struct decision_context* context) {
  struct decision* decision = context->decision;
  const __u64 word = decision->alive[(index >> 6) & (POLICY_WORDS - 1)];
  if (!(word >> (index & 63) & 1)) return 0;
  const __u32 at = decision->slot * (POLICY_WORDS * 64) + index;
  const struct policy_clause* clause = bpf_map_lookup_elem(&policy_clauses, &at);
  if (!clause) return 0; /* for the verifier */
  const __u32 rule = clause->rule, unit = clause->unit, flags = clause->flags;
  if (flags & CLAUSE_VETO) {
    decision->vetoed_unit = unit + 1;
    return 0;
  }
  if (decision->vetoed_unit == unit + 1 || decision->last_rule == rule + 1) return 0;
  decision->last_rule = rule + 1;
  const __u32 count = decision->verdict.rule_count;
  if (count < EVENT_VERDICT_RULES_MAX) decision->verdict.rules[count & (EVENT_VERDICT_RULES_MAX - 1)] = rule;
  decision->verdict.rule_count = count + 1;
  if (flags & CLAUSE_ENFORCE) {
    if (flags & CLAUSE_KILL) {
      if (decision->killer == ~0U) decision->killer = rule;
    } else if (decision->blocker == ~0U) {
      decision->blocker = rule;
    }
  }
  if (!decision->counts) return 0;
  const __u32 counter = decision->slot * POLICY_RULES_MAX + rule;
  struct policy_rule_counters* counters = bpf_map_lookup_elem(&rule_counters, &counter);
  if (!counters) return 0; /* for the verifier */
  __u64* to = flags & CLAUSE_ENFORCE ? &counters->outranked
              : flags & CLAUSE_KILL  ? &counters->would_kill
                                     : &counters->would_block;
  __sync_fetch_and_add(to, 1);
  return 0;
}
_Static_assert((EVENT_VERDICT_RULES_MAX & (EVENT_VERDICT_RULES_MAX - 1)) == 0, "a power of two: it is used as a mask");

/* Which rules the surviving clauses are of. `count`: their counters too. */
SUBPROGRAM int decision__classify(struct decision* decision, bool count) {
  if (!decision) return 0;
  const struct policy_header* header = header__at(decision->slot);
  if (!header) return 0; /* for the verifier */
  decision->last_rule = 0;
  decision->vetoed_unit = 0;
  decision->blocker = ~0U;
  decision->killer = ~0U;
  decision->counts = count;
  decision->verdict.rule_count = 0;
  struct decision_context context = {.decision = decision};
  bpf_loop(header->words * 64, clause__step, &context, 0);
  decision->verdict.decider = decision->killer != ~0U ? decision->killer : decision->blocker; /* kill beats block */
  return 0;
}

/* Who decides, counted. Returns true if the action is to be refused (where the hook can) and sets flags KILLED if its process is
 * to die: the caller kills, for not every program type may. */
SUBPROGRAM bool decision__finish(struct decision* decision, __u16 operation, bool can_refuse) {
  if (!decision) return false;
  struct hook_counters* counters = counters__of(decision->hook);
  if (!counters) return false; /* for the verifier */
  decision__classify(decision, true);
  struct event_verdict* verdict = &decision->verdict;
  verdict->generation = decision->generation;
  verdict->operation = operation;
  verdict->flags = decision->flags;
  if (verdict->rule_count == 0) return false;
  if (verdict->decider == ~0U) {
    __sync_fetch_and_add(&counters->would_refuse, 1);
    return false;
  }
  const bool kill = decision->killer != ~0U;
  const __u32 counter = decision->slot * POLICY_RULES_MAX + verdict->decider;
  struct policy_rule_counters* rule = bpf_map_lookup_elem(&rule_counters, &counter);
  if (!rule) return false;                    /* for the verifier */
  __sync_fetch_and_add(&rule->outranked, -1); /* classify counted it among those that hit */
  __sync_fetch_and_add(kill ? &rule->killed : &rule->blocked, 1);
  if (kill) {
    verdict->flags |= EVENT_VERDICT_KILLED;
    __sync_fetch_and_add(&counters->killed, 1);
  }
  if (can_refuse) {
    verdict->flags |= EVENT_VERDICT_REFUSED;
    __sync_fetch_and_add(&counters->refused, 1);
  }
  return can_refuse;
}

/* The whole of the last step where programs may kill. */
static __always_inline bool decision__act(struct decision* decision, __u16 operation, bool can_refuse) {
  const bool refuse = decision__finish(decision, operation, can_refuse);
  if (decision->verdict.rule_count != 0 && decision->verdict.flags & EVENT_VERDICT_KILLED) bpf_send_signal(SIGKILL_);
  return refuse;
}

/* --- files */

enum { ACCESS_UNKNOWN = ~0U };

/* ANDs what an open asks for. */
static __always_inline void access__apply(struct decision* decision, __u32 access) {
  if (!(decision->fields & FIELD(FIELD_ACCESS))) return;
  if (access != ACCESS_UNKNOWN) {
    vector__and(decision->alive, index__vector(decision, FIELD_ACCESS, access));
    return;
  }
  unsure__apply(decision, decision->alive, FIELD_ACCESS); /* closed: only a file about to be made comes here */
  struct hook_counters* counters = counters__of(decision->hook);
  if (counters) __sync_fetch_and_add(&counters->unsure_access, 1);
}

/* ANDs path, objects and name of a file. The costly fields: last. */
SUBPROGRAM int file__apply(struct decision* decision, struct task_struct* task, struct vfsmount* mnt, struct dentry* dentry,
                           bool directory) {
  if (!decision) return 0;
  struct hook_counters* counters = counters__of(decision->hook);
  if (!counters) return 0; /* for the verifier */
  __sync_fetch_and_add(&counters->decided, 1);
  if (!(decision->fields & (FIELD(FIELD_PATH) | FIELD(FIELD_FILENAME)))) return 0;
  if (file__classify(decision, task, mnt, dentry, FIELD_PATH)) __sync_fetch_and_add(&counters->unsure_path, 1);
  if (decision->fields & FIELD(FIELD_FILENAME)) {
    vector__and(decision->alive, directory ? absent__vector(decision, FIELD_FILENAME)
                                           : index__vector(decision, FIELD_FILENAME, decision->scan.leaf));
  }
  return 0;
}

/* --- records */

/* Puts the verdict into the record. */
SUBPROGRAM int verdict__append(struct scratch* scratch, const struct event_verdict* verdict) {
  if (!scratch || !verdict) return 0;
  record__align(scratch); /* it is read as a struct */
  struct event_verdict* to = record__end(scratch, sizeof(*verdict));
  if (!to) return 0; /* for the verifier */
  *to = *verdict;
  record__take(scratch, &record__header(scratch)->verdict, sizeof(*verdict));
  return 0;
}

/* Puts the names into the record, if there are any. */
SUBPROGRAM int names__append(struct scratch* scratch, struct blob* blob, const struct event_names* names) {
  if (!scratch || !blob || !names || names->count == 0) return 0;
  record__align(scratch); /* it is read as a struct */
  struct event_names* to = record__end(scratch, sizeof(*names));
  if (!to) return 0; /* for the verifier */
  *to = *names;
  if (to->count > EVENT_NAMES_MAX) {
    to->count = EVENT_NAMES_MAX;
    record__flag(scratch, EVENT_FLAG_NAMES_TRUNCATED);
  }
  record__take(scratch, blob, sizeof(*names));
  return 0;
}

/* What an LSM hook returns. A branch of its own: newer verifiers want to see that it is 0 or -EPERM. */
static __always_inline int hook__result(bool refuse) {
  if (!refuse) return 0;
  __s64 result = -EPERM_;
  HIDE(result);
  return result;
}

#endif
