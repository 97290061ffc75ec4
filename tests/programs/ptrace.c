// SPDX-License-Identifier: Apache-2.0
// ptrace: PTRACE_TRACEME with marks in the other arguments, which it ignores.
#include <sys/syscall.h>
#include <unistd.h>

int main(void) { return syscall(SYS_ptrace, 0L, 7L, 0x1111L, 0x2222L) == 0 ? 0 : 1; }
