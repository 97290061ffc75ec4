/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls about names: links, renames, removals, directories made, permissions, exec that failed. All names are user memory: the
 * kernel keeps none, and of what was removed nothing is left to look at. */
#include "bpf/lib/call.bpf.h"

/* Which arguments are what; NO_ARGUMENT: the call has none. */
enum { NO_ARGUMENT = 7 };
struct paths_layout {
  __u8 dirfd, first, second_dirfd, second, flags, mode;
};

static __always_inline bool paths__layout(__u16 type, struct paths_layout* layout) {
  *layout = (struct paths_layout){NO_ARGUMENT, 0, NO_ARGUMENT, NO_ARGUMENT, NO_ARGUMENT, NO_ARGUMENT};
  switch (type) {
    case EVENT_TYPE_EXECVE:
    case EVENT_TYPE_UNLINK:
    case EVENT_TYPE_RMDIR:
      return true;
    case EVENT_TYPE_EXECVEAT:
      *layout = (struct paths_layout){0, 1, NO_ARGUMENT, NO_ARGUMENT, 4, NO_ARGUMENT};
      return true;
    case EVENT_TYPE_SYMLINK:
    case EVENT_TYPE_LINK:
    case EVENT_TYPE_RENAME:
      layout->second = 1;
      return true;
    case EVENT_TYPE_SYMLINKAT:
      layout->second_dirfd = 1;
      layout->second = 2;
      return true;
    case EVENT_TYPE_LINKAT:
    case EVENT_TYPE_RENAMEAT2:
      *layout = (struct paths_layout){0, 1, 2, 3, 4, NO_ARGUMENT};
      return true;
    case EVENT_TYPE_RENAMEAT:
      *layout = (struct paths_layout){0, 1, 2, 3, NO_ARGUMENT, NO_ARGUMENT};
      return true;
    case EVENT_TYPE_UNLINKAT:
      *layout = (struct paths_layout){0, 1, NO_ARGUMENT, NO_ARGUMENT, 2, NO_ARGUMENT};
      return true;
    case EVENT_TYPE_MKDIR:
    case EVENT_TYPE_CHMOD:
      layout->mode = 1;
      return true;
    case EVENT_TYPE_MKDIRAT:
    case EVENT_TYPE_FCHMODAT:
      *layout = (struct paths_layout){0, 1, NO_ARGUMENT, NO_ARGUMENT, NO_ARGUMENT, 2};
      return true;
  }
  return false;
}

/* The compiler would make a jump table of a plain index. */
static __always_inline __u64 call__argument(const struct call* call, __u8 at) {
  __u64 value = 0;
#pragma unroll
  for (int i = 0; i < 5; ++i) {
    if (at == i) value = call->args[i];
  }
  return value;
}

SEC("tp_btf/sys_exit")
int tp_sys_exit_paths(__u64* ctx) {
  struct call call = call__finished(ctx);
  const bool exec = call.type == EVENT_TYPE_EXECVE || call.type == EVENT_TYPE_EXECVEAT;
  if (exec && call.ret >= 0) return 0; /* sched_process_exec told it */
  struct paths_layout layout;
  if (!paths__layout(call.type, &layout)) return 0;
  struct scratch* scratch = CALL_BEGIN(&call, EVENT_KIND_PATHS, event_paths);
  if (!scratch) return 0; /* counted by record__begin */
  struct event_paths* event = (struct event_paths*)scratch->record;
  const int first_dirfd = layout.dirfd != NO_ARGUMENT ? (int)call__argument(&call, layout.dirfd) : AT_FDCWD;
  const int second_dirfd = layout.second_dirfd != NO_ARGUMENT ? (int)call__argument(&call, layout.second_dirfd) : AT_FDCWD;
  event->ret = call.ret;
  event->dirfds[0] = first_dirfd;
  event->dirfds[1] = second_dirfd;
  event->arg_flags = call__argument(&call, layout.flags);
  event->arg_mode = call__argument(&call, layout.mode);
  const __u64 first = call__argument(&call, layout.first);
  if (call.type == EVENT_TYPE_SYMLINK || call.type == EVENT_TYPE_SYMLINKAT)
    user_string__append(scratch, &event->first, first); /* a link's target is text: no name yet */
  else
    user_name__append(scratch, &event->first, &event->first_base, call.task, first_dirfd, first);
  if (layout.second != NO_ARGUMENT)
    user_name__append(scratch, &event->second, &event->second_base, call.task, second_dirfd,
                      call__argument(&call, layout.second));
  return call__submit(scratch);
}
