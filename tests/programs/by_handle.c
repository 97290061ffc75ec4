// SPDX-License-Identifier: Apache-2.0
// by_handle PATH DIRECTORY FLAGS: opens PATH by its file handle; DIRECTORY is any one of the same file system.
// Exit code: 0, errno of open_by_handle_at, or 201 if the file system gives no handles.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  if (argc != 4) return 255;
  union {
    struct file_handle handle;
    char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
  } file = {.handle.handle_bytes = MAX_HANDLE_SZ};
  int mount_id;
  if (name_to_handle_at(AT_FDCWD, argv[1], &file.handle, &mount_id, 0) != 0) return errno == EOPNOTSUPP ? 201 : 254;
  const int directory = open(argv[2], O_RDONLY | O_DIRECTORY);
  if (directory < 0) return 253;
  return open_by_handle_at(directory, &file.handle, (int)strtol(argv[3], NULL, 0)) < 0 ? errno : 0;
}
