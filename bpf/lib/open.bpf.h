/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Openings: what the hooks that see them share. */
#ifndef SHRIKE_BPF_LIB_OPEN_BPF_H
#define SHRIKE_BPF_LIB_OPEN_BPF_H

#include <linux/fcntl.h>
#include <linux/stat.h>

#include <bpf/bpf_endian.h>

#include "bpf/lib/decide.bpf.h"
#include "bpf/lib/file.bpf.h"

#define OPEN_TYPES                                                                                       \
  (TYPE(EVENT_TYPE_OPEN) | TYPE(EVENT_TYPE_OPENAT) | TYPE(EVENT_TYPE_OPENAT2) | TYPE(EVENT_TYPE_CREAT) | \
   TYPE(EVENT_TYPE_OPEN_BY_HANDLE_AT))

static __always_inline struct call_type call__of_open(void) { return call__of(OPEN_TYPES, EVENT_TYPE_OPENAT); }

/* Begins the record of an opening: into `verdicts` with one, else into `events`. */
static __always_inline struct event_open* open_record__begin(struct scratch** scratch, __u32 hook, struct task_struct* task,
                                                             const struct call_type* call, const struct decision* decision,
                                                             bool refused) {
  *scratch = record__begin(hook, decision ? CLASS_VERDICT : CLASS_EVENT, EVENT_KIND_OPEN, sizeof(struct event_open));
  if (!*scratch) return NULL; /* counted by record__begin */
  struct event_open* event = (struct event_open*)(*scratch)->record;
  event_header__fill(*scratch, task);
  event->header.type = call->type;
  if (task->thread_info.status & TS_COMPAT) event->header.flags |= EVENT_FLAG_COMPAT;
  if (call->uring) event->header.flags |= EVENT_FLAG_URING;
  if (call->told) event->header.flags |= EVENT_FLAG_VERDICT_ONLY;
  if (!refused) event->header.flags |= EVENT_FLAG_ASSUMED;
  event->ret = refused ? -EPERM_ : 0;
  event->dirfd = AT_FDCWD;
  event->in_mount = PLACE_UNKNOWN; /* until there is a file */
  walk__set_root(&(*scratch)->buffer, task);
  if (capture_options & CAPTURE_CWD) cwd__append(*scratch, &event->cwd, task);
  if (decision) {
    verdict__append(*scratch, &decision->verdict);
    names__append(*scratch, &event->names, &decision->names);
  }
  return event;
}

/* What was opened. */
static __always_inline void event_open__fill_opened(struct scratch* scratch, struct event_open* event, struct file* file) {
  const __u32 mode = READ(TYPED(struct file, file), f_mode);
  event->fmode = mode & (FMODE_READ | FMODE_WRITE);
  event_file__fill(&event->file, file);
  const __u32 layers = event->file.flags & (EVENT_FILE_UPPER | EVENT_FILE_LOWER);
  if (layers) layer__fill(&event->layer, file, layers);
  if (mode & FMODE_CREATED) event->file.flags |= EVENT_FILE_CREATED;
  open_path__append(scratch, event, file);
}

static __always_inline void open_record__submit(struct scratch* scratch, __u32 hook, bool verdict) {
  if (verdict)
    verdict__submit(scratch, hook);
  else
    event__submit(scratch, hook);
}

#endif
