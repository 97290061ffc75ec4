// SPDX-License-Identifier: Apache-2.0
// hold_program OBJECT: loads and attaches the one program of a BPF object, prints "ready", and holds it until its standard input
// ends.
#include <bpf/libbpf.h>
#include <stdio.h>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  struct bpf_object* object = bpf_object__open_file(argv[1], NULL);
  if (!object || bpf_object__load(object) != 0) {
    fprintf(stderr, "hold_program: can't load %s\n", argv[1]);
    return 1;
  }
  struct bpf_program* program = bpf_object__next_program(object, NULL);
  struct bpf_link* link = bpf_program__attach(program);
  if (!link) {
    fprintf(stderr, "hold_program: can't attach\n");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF) {
  }
  bpf_link__destroy(link);
  bpf_object__close(object);
  return 0;
}
