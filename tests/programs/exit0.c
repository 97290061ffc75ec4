// SPDX-License-Identifier: Apache-2.0
// exit0: something to execute. Says so, for those who want to see that it ran.
#include <unistd.h>

int main(void) { return write(STDOUT_FILENO, "ran\n", 4) < 0; }
