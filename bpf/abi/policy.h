/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The policy as the kernel programs read it and the engine writes it: bit-vector classification.
 *
 * A clause is a conjunction of predicates, each on one field; clause i is bit i of every vector. For each field the index maps a
 * value to the vector of the clauses which that value satisfies. To decide, the vectors of all fields are ANDed; what survives,
 * hits. Clauses of all operations share one vector; `operation` says whose is whose.
 *
 * A field whose value has several sources (a path and the object's other names; the names of all ancestors) has two vectors:
 * `plus` is ORed over the sources (one source that satisfies a positive predicate is enough), `minus` ANDed (a negated one needs
 * all of them to be outside). Fields with one source use both alike.
 *
 * Every key begins with the generation, so that a new policy is built beside the old one and put in force by one store to
 * policy_generation.
 */
#ifndef SHRIKE_BPF_ABI_POLICY_H
#define SHRIKE_BPF_ABI_POLICY_H

#include "bpf/abi/event.h"

enum policy_operation {
  OPERATION_EXEC = 0,
  OPERATION_OPEN,
  OPERATION_CONNECT, /* TCP Fast Open too */
  OPERATION_SEND,    /* datagrams to an address given with the call */
  OPERATION_BIND,
  OPERATION_COUNT
};

enum policy_field {
  /* Of the program: looked up at exec, kept in the task's state. */
  FIELD_EXEPATH = 0, /* text: path; several sources */
  FIELD_NAME,        /* text: comm as set by exec */
  FIELD_PNAME,       /* text: comm of the parent as recorded at fork */
  FIELD_ANAME,       /* text: comms of all ancestors as recorded at fork; several sources */
  /* Read at the hook. */
  FIELD_UID,       /* number, 32 bits: effective user */
  FIELD_CGROUP,    /* text: path in the default hierarchy */
  FIELD_CONTAINER, /* value: 0 host, 1 below a cgroup named after a container's id */
  FIELD_ACCESS,    /* value: enum policy_access */
  FIELD_PATH,      /* text: path; several sources */
  FIELD_FILENAME,  /* text: last component; absent for directories */
  FIELD_ADDRESS,   /* number, 128 bits: remote address, IPv4 as ::ffff:a.b.c.d; absent for other families */
  FIELD_PORT,      /* number, 16 bits: remote port (bind: local); absent as the address */
  FIELD_PROTOCOL,  /* value: enum policy_protocol */
  FIELD_COUNT
};

/* FIELD_ACCESS: what an open is for, bit by bit, and whether the file is a directory. */
enum policy_access { ACCESS_READ = 1 << 0, ACCESS_WRITE = 1 << 1, ACCESS_DIRECTORY = 1 << 2, ACCESS_VALUES = 8 };

/* FIELD_PROTOCOL, as the engine's fd.l4proto tells them apart. */
enum policy_protocol { PROTOCOL_OTHER = 0, PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_RAW, PROTOCOL_VALUES };

struct policy_vector {
  __u64 plus[POLICY_WORDS];
  __u64 minus[POLICY_WORDS];
};

/* One per generation, in slot generation % POLICY_SLOTS. */
struct policy_header {
  __u32 generation;
  __u32 words;      /* of each vector in use */
  __u32 fields;     /* bit per enum policy_field: some clause asks for it */
  __u32 operations; /* bit per enum policy_operation: it has clauses */
  __u32 objects;    /* bit per enum policy_field: policy_objects has entries for it; 0 spares the walk */
  __u32 reserved;
  __u64 operation[OPERATION_COUNT][POLICY_WORDS];
  __u64 enforcing[POLICY_WORDS];            /* clauses of rules that refuse or kill, vetoes left out */
  __u64 unknown[FIELD_COUNT][POLICY_WORDS]; /* if the field can't be told: positive clauses hold, vetoes that ask for it do not */
  struct policy_vector otherwise[FIELD_COUNT]; /* for a value the index has no key of */
  struct policy_vector absent[FIELD_COUNT];    /* for an event without such a value */
};

/* Key of policy_index. Texts: text__hash; a text that ends in '/' stands for everything below it (the deepest wins). Values: the
 * value. */
struct policy_key {
  __u32 generation;
  __u32 field;
  __u64 value;
};

struct policy_entry {
  struct policy_vector vector;
  __u32 text; /* row of the plan's texts; ~0: not a text */
  __u32 reserved;
};

/* Key of policy_ranges, a longest-prefix trie. Numbers in network order, left-aligned. */
struct policy_range_key {
  __u32 prefix_bits; /* 64 + bits of the number */
  __u32 generation;
  __u32 field;
  __u8 number[16];
};

enum policy_object_kind {
  OBJECT_FILE = 1, /* this very inode */
  OBJECT_BELOW,    /* a directory: everything below it */
  OBJECT_ENTRY     /* name `name_hash` in this directory, whether or not it exists */
};

/* Key of policy_objects: an inode, whatever path leads to it. */
struct policy_object_key {
  __u32 generation;
  __u16 field; /* FIELD_EXEPATH or FIELD_PATH */
  __u16 kind;  /* enum policy_object_kind */
  __u64 ino;
  __u32 dev; /* major << 20 | minor */
  __u32 inode_generation;
  __u64 name_hash; /* OBJECT_ENTRY; else 0 */
};

struct policy_object {
  struct policy_vector vector;
  __u32 texts[POLICY_OBJECT_TEXTS]; /* rows of the plan's texts that name it; ~0: no more */
};

enum policy_clause_flags {
  CLAUSE_VETO = 1 << 0,    /* if it survives, no later clause of its unit counts */
  CLAUSE_ENFORCE = 1 << 1, /* its rule's effective mode is enforce */
  CLAUSE_KILL = 1 << 2
};

/* Clauses lie in the order of their rules, and in a unit the vetoes come first. */
struct policy_clause {
  __u32 rule; /* policy-local number */
  __u32 unit;
  __u32 flags;
  __u32 reserved;
};

/* Per rule; atomic adds, so they hold without a reader. */
struct policy_rule_counters {
  __u64 blocked;
  __u64 killed;
  __u64 would_block;
  __u64 would_kill;
  __u64 outranked; /* it enforces and hit, but another rule decided */
};

/* Record of the file iterator: what the kernel knows an open file of the daemon's as. */
struct file_identity {
  __u32 fd;
  __u32 dev; /* major << 20 | minor */
  __u64 ino;
  __u32 inode_generation;
  __u32 tgid; /* the daemon's, in the initial pid namespace */
};

/* The hash of a text, from the global text_seed: one step per byte, in both compilers. The seed is random per load, so nobody can
 * prepare two paths that look alike. */
static inline __u64 text__hash_step(__u64 hash, unsigned char byte) {
  hash = (hash ^ byte) * 0x9e3779b97f4a7c15ULL;
  return hash ^ (hash >> 29);
}

#endif
