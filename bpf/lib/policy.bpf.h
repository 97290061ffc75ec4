/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The vectors of a policy: found by a value, combined in a decision buffer. bpf/abi/policy.h says what they mean. */
#ifndef SHRIKE_BPF_LIB_POLICY_BPF_H
#define SHRIKE_BPF_LIB_POLICY_BPF_H

#include "bpf/lib/task.bpf.h"

#define FIELD(field) (1U << (field))

static __always_inline struct policy_header* header__at(__u32 slot) { return bpf_map_lookup_elem(&policy_headers, &slot); }

/* A free decision buffer, or NULL. Preempted programs keep theirs, so each gets its own. */
static __always_inline struct decision* decision__claim(__u32 start) {
  for (__u32 i = 0; i < 32; ++i) {
    const __u32 index = (start + i) & (DECISION_BUFFERS - 1);
    struct decision* decision = bpf_map_lookup_elem(&decisions, &index);
    if (decision && __sync_val_compare_and_swap(&decision->busy, 0, 1) == 0) return decision;
  }
  return NULL;
}

static __always_inline void decision__release(struct decision* decision) { __sync_lock_test_and_set(&decision->busy, 0); }

/* --- vectors */

/* to &= plus & minus of one value: the whole answer of a field with one source. */
SUBPROGRAM int vector__and(__u64* to, const struct policy_vector* vector) {
  if (!to || !vector) return 0;
  for (__u32 w = 0; w < POLICY_WORDS; ++w) to[w] &= vector->plus[w] & vector->minus[w];
  return 0;
}

SUBPROGRAM int vector__fill(__u64* to, __u64 bits) {
  if (!to) return 0;
  for (__u32 w = 0; w < POLICY_WORDS; ++w) to[w] = bits;
  return 0;
}

SUBPROGRAM int words__and(__u64* to, const __u64* words) {
  if (!to || !words) return 0;
  for (__u32 w = 0; w < POLICY_WORDS; ++w) to[w] &= words[w];
  return 0;
}

SUBPROGRAM bool words__any(const __u64* words) {
  __u64 any = 0;
  if (!words) return false;
  for (__u32 w = 0; w < POLICY_WORDS; ++w) any |= words[w];
  return any != 0;
}

/* A field with several sources: begin, add each, apply. */
static __always_inline void sources__begin(struct decision* decision) {
  vector__fill(decision->plus, 0);
  vector__fill(decision->minus, ~0ULL);
}

SUBPROGRAM int sources__add(struct decision* decision, const struct policy_vector* vector) {
  if (!decision || !vector) return 0;
  for (__u32 w = 0; w < POLICY_WORDS; ++w) {
    decision->plus[w] |= vector->plus[w];
    decision->minus[w] &= vector->minus[w];
  }
  return 0;
}

static __always_inline void sources__apply(const struct decision* decision, __u64* to) {
  words__and(to, decision->plus);
  words__and(to, decision->minus);
}

/* A field that can't be told falls closed: what might hold is taken to hold. */
SUBPROGRAM int unsure__apply(struct decision* decision, __u64* to, __u32 field) {
  if (!decision || !to || field >= FIELD_COUNT) return 0;
  const struct policy_header* header = header__at(decision->slot);
  if (!header) return 0; /* for the verifier */
  decision->flags |= EVENT_VERDICT_UNSURE;
  words__and(to, header->unknown[field]);
  return 0;
}

/* --- the index */

static __always_inline struct policy_entry* index__entry(const struct decision* decision, __u32 field, __u64 value) {
  const struct policy_key key = {.generation = decision->generation, .field = field, .value = value};
  return bpf_map_lookup_elem(&policy_index, &key);
}

/* The vector of a value, `otherwise` if the index does not have it. NULL: for the verifier. */
static __always_inline const struct policy_vector* index__vector(const struct decision* decision, __u32 field, __u64 value) {
  const struct policy_entry* entry = index__entry(decision, field, value);
  if (entry) return &entry->vector;
  const struct policy_header* header = header__at(decision->slot);
  return header ? &header->otherwise[field] : NULL;
}

static __always_inline const struct policy_vector* absent__vector(const struct decision* decision, __u32 field) {
  const struct policy_header* header = header__at(decision->slot);
  return header ? &header->absent[field] : NULL;
}

/* The vector of a number of `bits` bits, left-aligned and in network order in key->number. */
static __always_inline const struct policy_vector* range__vector(const struct decision* decision, __u32 field, __u32 bits,
                                                                 struct policy_range_key* key) {
  key->prefix_bits = 64 + bits;
  key->generation = decision->generation;
  key->field = field;
  const struct policy_vector* vector = bpf_map_lookup_elem(&policy_ranges, key);
  if (vector) return vector;
  const struct policy_header* header = header__at(decision->slot);
  return header ? &header->otherwise[field] : NULL;
}

/* --- texts */

static __always_inline void scan__begin(struct decision* decision, __u32 field) {
  struct text_scan* scan = &decision->scan;
  scan->hash = scan->leaf = scan->comm = text_seed;
  scan->below = 0;
  scan->position = scan->leaf_at = decision->buffer.walk.position;
  scan->end = PATH_BYTES_MAX;
  scan->hex_run = 0;
  scan->container = 0;
  scan->field = field;
}

static __always_inline void scan__take(struct decision* decision, struct text_scan* scan, __u32 position, unsigned char byte) {
  scan->hash = text__hash_step(scan->hash, byte);
  if (byte == '/') {
    scan->leaf = scan->comm = text_seed;
    scan->hex_run = 0;
    const bool first = position == decision->buffer.walk.position; /* "/" alone is a name, not a prefix */
    scan->leaf_at = position + 1;
    if (!first && scan->field < FIELD_COUNT && index__entry(decision, scan->field, scan->hash)) scan->below = scan->hash;
    return;
  }
  scan->leaf = text__hash_step(scan->leaf, byte);
  if (position - scan->leaf_at < COMM_BYTES) scan->comm = text__hash_step(scan->comm, byte);
  const bool hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
  scan->hex_run = hex ? scan->hex_run + 1 : 0;
  if (scan->hex_run == CONTAINER_ID_DIGITS) scan->container = 1;
}

struct decision_context {
  struct decision* decision;
};

enum { SCAN_STEP = 4 /* bytes per turn of the loop: each turn costs a call */ };

static long scan__step(__u32 index, struct decision_context* context) {
  (void)index;
  struct decision* decision = context->decision;
  struct text_scan* scan = &decision->scan;
  for (__u32 i = 0; i < SCAN_STEP; ++i) {
    const __u32 position = scan->position;
    if (position >= scan->end) return 1;
    scan__take(decision, scan, position, decision->buffer.path[position & (PATH_BYTES_MAX - 1)]);
    scan->position = position + 1;
  }
  return 0;
}

/* Hashes the text in the decision's buffer, from walk.position to its end; looks up its directories in `field`'s index. */
SUBPROGRAM int scan__run(struct decision* decision, __u32 field) {
  if (!decision) return 0;
  scan__begin(decision, field);
  struct decision_context context = {.decision = decision};
  bpf_loop(PATH_BYTES_MAX / SCAN_STEP, scan__step, &context, 0);
  return 0;
}

/* The entry of the scanned text itself, or of the deepest directory above it. NULL: neither is in the index. */
static __always_inline struct policy_entry* scan__entry(const struct decision* decision, __u32 field, __u64 hash, __u64 below) {
  struct policy_entry* entry = index__entry(decision, field, hash);
  if (!entry && below) entry = index__entry(decision, field, below);
  return entry;
}

static __always_inline const struct policy_vector* scan__vector(const struct decision* decision, __u32 field, __u64 hash,
                                                                __u64 below) {
  const struct policy_entry* entry = scan__entry(decision, field, hash, below);
  if (entry) return &entry->vector;
  const struct policy_header* header = header__at(decision->slot);
  return header ? &header->otherwise[field] : NULL;
}

/* The hash of a comm: up to COMM_BYTES bytes. */
static __always_inline __u64 comm__hash(const char comm[16]) {
  __u64 hash = text_seed;
  for (__u32 i = 0; i < COMM_BYTES; ++i) {
    if (!comm[i]) break;
    hash = text__hash_step(hash, comm[i]);
  }
  return hash;
}

/* --- objects */

/* Remembers a name for the record. */
static __always_inline void names__add(struct decision* decision, __u32 text, __u32 below) {
  const __u32 count = decision->names.count;
  if (count > 0 && count <= EVENT_NAMES_MAX && decision->names.names[(count - 1) & (EVENT_NAMES_MAX - 1)].text == text) return;
  if (count < EVENT_NAMES_MAX) {
    decision->names.names[count & (EVENT_NAMES_MAX - 1)].text = text;
    decision->names.names[count & (EVENT_NAMES_MAX - 1)].below = below;
  }
  decision->names.count = count + 1; /* more than EVENT_NAMES_MAX: flagged by the record */
}
_Static_assert((EVENT_NAMES_MAX & (EVENT_NAMES_MAX - 1)) == 0, "a power of two: it is used as a mask");

/* Adds what the policy says of one inode. */
static __always_inline int objects__add(struct decision* decision, const struct inode* at, __u16 kind, __u64 name_hash,
                                        __u32 below) {
  if (!decision) return 0;
  const struct inode* inode = TYPED(struct inode, at);
  const struct super_block* super = READ(inode, i_sb);
  const struct policy_object_key key = {.generation = decision->generation,
                                        .field = decision->objects.field,
                                        .kind = kind,
                                        .ino = READ(inode, i_ino),
                                        .dev = READ(super, s_dev),
                                        .inode_generation = READ(inode, i_generation),
                                        .name_hash = name_hash};
  const struct policy_object* object = bpf_map_lookup_elem(&policy_objects, &key);
  if (!object) return 0;
  sources__add(decision, &object->vector);
  for (__u32 i = 0; i < POLICY_OBJECT_TEXTS; ++i) {
    if (object->texts[i] != ~0U) names__add(decision, object->texts[i], below);
  }
  return 0;
}

static long objects__step(__u32 index, struct decision_context* context) {
  (void)index;
  struct decision* decision = context->decision;
  struct object_walk* walk = &decision->objects;
  const __u64 at = walk->dentry;
  const struct dentry* parent = READ(TYPED(struct dentry, at), d_parent);
  if (!parent || (__u64)parent == at) {
    walk->end = WALK_AT_ROOT;
    return 1;
  }
  ++walk->levels;
  objects__add(decision, READ(parent, d_inode), OBJECT_BELOW, 0, walk->levels);
  walk->dentry = (__u64)parent;
  return 0;
}

SUBPROGRAM __u64 leaf__hash(struct decision* decision, const struct dentry* dentry) {
  if (!decision) return 0;
  bpf_probe_read_kernel_str(decision->leaf, sizeof(decision->leaf), READ(dentry, d_name.name));
  __u64 hash = text_seed;
  for (__u32 i = 0; i < PATH_COMPONENT_MAX; ++i) {
    const unsigned char byte = decision->leaf[i];
    if (!byte) break;
    hash = text__hash_step(hash, byte);
  }
  return hash;
}

/* Adds the object itself, its entry in its directory, and every directory above it up to the root of its file system: no mount,
 * chroot or other name hides them. False: deeper than PATH_DEPTH_MAX. */
SUBPROGRAM bool objects__walk(struct decision* decision, struct dentry* at, __u32 field) {
  if (!decision) return true;
  const struct dentry* dentry = TYPED(struct dentry, at);
  struct object_walk* walk = &decision->objects;
  walk->dentry = (__u64)dentry;
  walk->field = field;
  walk->levels = 0;
  walk->end = WALK_GOES_ON;
  const struct inode* inode = READ(dentry, d_inode);
  if (inode) objects__add(decision, inode, OBJECT_FILE, 0, 0);
  const struct dentry* parent = READ(dentry, d_parent);
  if (parent && parent != dentry) objects__add(decision, READ(parent, d_inode), OBJECT_ENTRY, leaf__hash(decision, dentry), 0);
  struct decision_context context = {.decision = decision};
  bpf_loop(PATH_DEPTH_MAX, objects__step, &context, 0);
  return walk->end != WALK_GOES_ON;
}

/* What the policy says of a file by its path, as `task` sees it, and by the object; ANDed into decision->program (FIELD_EXEPATH)
 * or
 * ->alive (FIELD_PATH). Leaves the scan of the path behind. Returns 1 if path or objects could not be told. */
SUBPROGRAM int file__classify(struct decision* decision, struct task_struct* task, struct vfsmount* mnt, struct dentry* dentry,
                              __u32 field) {
  if (!decision || field >= FIELD_COUNT) return 0;
  __u64* to = field == FIELD_EXEPATH ? decision->program : decision->alive;
  const struct policy_header* header = header__at(decision->slot);
  if (!header) return 0; /* for the verifier */
  sources__begin(decision);
  walk__set_root(&decision->buffer, task);
  const bool told = path__walk(&decision->buffer, mnt, dentry) != WALK_TOO_LONG;
  scan__run(decision, field);
  sources__add(decision, scan__vector(decision, field, decision->scan.hash, decision->scan.below));
  const bool reached = !(header->objects & FIELD(field)) || objects__walk(decision, dentry, field);
  if (told && reached) {
    sources__apply(decision, to);
    return 0;
  }
  unsure__apply(decision, to, field);
  return 1;
}

#endif
