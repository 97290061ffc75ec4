/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What decisions know of a process: its name and its ancestors', as recorded at exec and fork, and the vectors of both.
 *
 * A state is made at fork (a copy of the forker's), and for tasks that were there before, or whose fork the kernel skipped, from
 * the kernel's own tasks as they are now. Its vectors are those of one generation and one program; with another of either they
 * are computed again, so a reload or an exec nobody told us of leaves no stale decision. */
#ifndef SHRIKE_BPF_LIB_STATE_BPF_H
#define SHRIKE_BPF_LIB_STATE_BPF_H

#include "bpf/lib/policy.bpf.h"

static __always_inline struct task_key task__key(struct task_struct* task) {
  return (struct task_key){.start_ns = task->group_leader->start_boottime, .tgid = task->tgid};
}

static __always_inline __u64 task__comm_hash(const struct task_struct* task) {
  char comm[16] = {};
  bpf_probe_read_kernel(comm, sizeof(comm), (const char*)task + bpf_core_field_offset(struct task_struct, comm));
  return comm__hash(comm);
}

SUBPROGRAM int ancestors__add(struct task_state* state, __u64 name) {
  if (!state) return 0;
  const __u32 count = state->ancestor_count;
  for (__u32 i = 0; i < ANCESTORS_MAX; ++i) {
    if (i >= count) break;
    if (state->ancestors[i] == name) return 0;
  }
  if (count >= ANCESTORS_MAX) {
    state->flags |= TASK_STATE_ANCESTORS_CUT;
    return 0;
  }
  state->ancestors[count & (ANCESTORS_MAX - 1)] = name;
  state->ancestor_count = count + 1;
  return 0;
}
_Static_assert((ANCESTORS_MAX & (ANCESTORS_MAX - 1)) == 0, "a power of two: it is used as a mask");

static long ancestors__step(__u32 index, struct decision_context* context) {
  (void)index;
  struct decision* decision = context->decision;
  const struct task_struct* task = (const struct task_struct*)decision->objects.dentry;
  const struct task_struct* parent = BPF_CORE_READ(task, real_parent, group_leader);
  if (!parent || parent == task || BPF_CORE_READ(parent, tgid) == 0) return 1;
  const __u64 name = task__comm_hash(parent);
  struct task_state* state = &decision->state;
  if (!(state->flags & TASK_STATE_PARENT)) {
    state->pname = name;
    state->flags |= TASK_STATE_PARENT;
  }
  ancestors__add(state, name);
  decision->objects.dentry = (__u64)parent;
  return 0;
}

/* Fills decision->state from what the kernel's tasks are now. */
SUBPROGRAM int state__build(struct decision* decision, struct task_struct* task) {
  if (!decision) return 0;
  struct task_struct* leader = task->group_leader;
  struct task_state* state = &decision->state;
  state->name = task__comm_hash(leader);
  state->pname = 0;
  state->exec_id = task->self_exec_id;
  state->generation = 0;
  state->writer = 0;
  state->ancestor_count = 0;
  state->flags = 0;
  decision->objects.dentry = (__u64)leader; /* where the walk is */
  struct decision_context context = {.decision = decision};
  bpf_loop(ANCESTORS_MAX, ancestors__step, &context, 0);
  return 0;
}

/* decision->program: the vector of an executable (NULL: a kernel thread has none) under a name. */
static __always_inline int program__compute(struct decision* decision, struct task_struct* task, struct file* exe, __u64 name) {
  if (!decision) return 0;
  vector__fill(decision->program, ~0ULL);
  if (decision->fields & FIELD(FIELD_NAME)) vector__and(decision->program, index__vector(decision, FIELD_NAME, name));
  if (!(decision->fields & FIELD(FIELD_EXEPATH))) return 0;
  if (!exe) {
    const struct policy_header* header = header__at(decision->slot);
    if (header) vector__and(decision->program, &header->otherwise[FIELD_EXEPATH]);
    return 0;
  }
  return file__classify(decision, task, BPF_CORE_READ(exe, f_path.mnt), BPF_CORE_READ(exe, f_path.dentry), FIELD_EXEPATH);
}

struct ancestry_context {
  struct decision* decision;
  const struct task_state* state;
};

static long ancestry__step(__u32 index, struct ancestry_context* context) {
  const struct task_state* state = context->state;
  sources__add(context->decision, index__vector(context->decision, FIELD_ANAME, state->ancestors[index & (ANCESTORS_MAX - 1)]));
  return 0;
}

/* decision->ancestry: the vector of the recorded ancestors. */
static __always_inline int ancestry__compute(struct decision* decision, const struct task_state* state) {
  if (!decision || !state) return 0;
  vector__fill(decision->ancestry, ~0ULL);
  if (decision->fields & FIELD(FIELD_PNAME)) {
    vector__and(decision->ancestry, state->flags & TASK_STATE_PARENT ? index__vector(decision, FIELD_PNAME, state->pname)
                                                                     : absent__vector(decision, FIELD_PNAME));
  }
  if (!(decision->fields & FIELD(FIELD_ANAME))) return 0;
  if (state->flags & TASK_STATE_ANCESTORS_CUT) return unsure__apply(decision, decision->ancestry, FIELD_ANAME);
  if (state->ancestor_count == 0) return vector__and(decision->ancestry, absent__vector(decision, FIELD_ANAME));
  sources__begin(decision);
  struct ancestry_context context = {.decision = decision, .state = state};
  bpf_loop(state->ancestor_count, ancestry__step, &context, 0);
  sources__apply(decision, decision->ancestry);
  return 0;
}

/* Keeps the vectors with the state, unless somebody else is at it: then they are computed again next time. */
SUBPROGRAM int state__keep(struct task_state* state, const struct decision* decision) {
  if (!state || !decision) return 0;
  if (decision->flags & EVENT_VERDICT_UNSURE) return 0; /* so that each decision says so */
  if (__sync_val_compare_and_swap(&state->writer, 0, 1) != 0) return 0;
  state->generation = 0;
  for (__u32 w = 0; w < POLICY_WORDS; ++w) {
    state->program[w] = decision->program[w];
    state->ancestry[w] = decision->ancestry[w];
  }
  state->generation = decision->generation;
  __sync_lock_test_and_set(&state->writer, 0);
  return 0;
}

static __always_inline bool state__is_fresh(const struct task_state* state, const struct task_struct* task, __u32 generation) {
  return *(const volatile __u32*)&state->generation == generation && state->exec_id == task->self_exec_id &&
         *(const volatile __u32*)&state->writer == 0;
}

/* Copies the state's vectors; false if they changed meanwhile. */
SUBPROGRAM bool state__load(struct decision* decision, const struct task_state* state) {
  if (!decision || !state) return false;
  for (__u32 w = 0; w < POLICY_WORDS; ++w) {
    decision->program[w] = *(const volatile __u64*)&state->program[w];
    decision->ancestry[w] = *(const volatile __u64*)&state->ancestry[w];
  }
  return *(const volatile __u32*)&state->generation == decision->generation && *(const volatile __u32*)&state->writer == 0;
}

/* decision->program and ->ancestry of a task, from its state or computed anew. */
SUBPROGRAM int state__vectors(struct decision* decision, struct task_struct* task, struct hook_counters* counters) {
  if (!decision || !counters) return 0;
  const struct task_key key = task__key(task);
  struct task_state* state = bpf_map_lookup_elem(&task_states, &key);
  if (state && state__is_fresh(state, task, decision->generation) && state__load(decision, state)) return 0;
  __sync_fetch_and_add(&counters->state_recomputed, 1);
  if (!state) {
    state__build(decision, task);
    bpf_map_update_elem(&task_states, &key, &decision->state, BPF_NOEXIST);
    state = bpf_map_lookup_elem(&task_states, &key);
    if (!state) {
      __sync_fetch_and_add(&counters->state_unstored, 1); /* full: decided all the same, from the buffer */
      state = &decision->state;
    }
  } else if (state->exec_id != task->self_exec_id) { /* an exec whose tracepoint the kernel skipped */
    state->name = task__comm_hash(task->group_leader);
    state->exec_id = task->self_exec_id;
  }
  ancestry__compute(decision, state);
  program__compute(decision, task, BPF_CORE_READ(task, mm, exe_file), state->name);
  state__keep(state, decision);
  return 0;
}

/* Makes the state of a task that has none. */
SUBPROGRAM int state__ensure(struct task_struct* task) {
  if (!policy_generation) return 0; /* nobody decides: states are built when somebody does */
  const struct task_key key = task__key(task);
  if (bpf_map_lookup_elem(&task_states, &key)) return 0;
  struct decision* decision = decision__claim((__u32)task->pid);
  if (!decision) return 0; /* built when it is needed */
  state__build(decision, task);
  bpf_map_update_elem(&task_states, &key, &decision->state, BPF_NOEXIST); /* full: built, and counted, when it is needed */
  decision__release(decision);
  return 0;
}

/* --- kept up to date by the scheduler's tracepoints */

static __always_inline void state__fork(struct task_struct* parent, struct task_struct* child) {
  if (!policy_generation) return; /* nobody decides: states are built when somebody does */
  const struct task_key from = task__key(parent), to = task__key(child);
  struct task_state* state = bpf_map_lookup_elem(&task_states, &from);
  if (!state) return;                                                      /* built from the kernel's tasks when it is needed */
  if (bpf_map_update_elem(&task_states, &to, state, BPF_ANY) != 0) return; /* full: built in the buffer, and counted, then */
  struct task_state* copy = bpf_map_lookup_elem(&task_states, &to);
  if (!copy) return; /* for the verifier */
  copy->writer = 0;
  copy->pname = copy->name;
  copy->flags |= TASK_STATE_PARENT;
  ancestors__add(copy, copy->name);
  copy->generation = 0; /* its ancestors are others than its parent's */
}

static __always_inline void state__exec(struct task_struct* task) {
  const struct task_key key = task__key(task);
  struct task_state* state = bpf_map_lookup_elem(&task_states, &key);
  if (!state) return; /* built when it is needed */
  state->name = task__comm_hash(task);
  state->exec_id = task->self_exec_id;
  state->generation = 0;
}

static __always_inline void state__exit(struct task_struct* task) {
  const struct task_key key = task__key(task);
  bpf_map_delete_elem(&task_states, &key);
}

#endif
