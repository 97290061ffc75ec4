// SPDX-License-Identifier: Apache-2.0
// ValueIndex finds, for a value, everybody who asked for a key (program::Key) that the value has; and, seldom, some who asked for
// one that it has not: 64 bits of a hash stand for a text. What a look-up costs depends on the value and hardly on how many keys
// there are.
//
// Who asks is a number, below the index's size.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/event/value.h"
#include "engine/program/cover.h"

namespace shrike::match {

// --- bytes and hashes

inline std::uint64_t mix_hash(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a ^ 0x9e3779b97f4a7c15U) * (b ^ 0xd1b54a32d192ed03U);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

// The first `size` bytes (at most 8) at `at`, the first lowest.
inline std::uint64_t load_bytes(const char* at, std::size_t size) {
  if (size >= 8) {
    std::uint64_t all = 0;
    __builtin_memcpy(&all, at, 8);
    return all;
  }
  if (size >= 4) {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    __builtin_memcpy(&first, at, 4);
    __builtin_memcpy(&last, at + size - 4, 4);
    return first | static_cast<std::uint64_t>(last) << (8 * (size - 4));
  }
  if (size == 0) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint64_t>(static_cast<unsigned char>(at[i])) << (8 * i); };
  return byte(0) | byte(size / 2) | byte(size - 1);
}

// The first bytes of a text.
inline std::uint64_t first_bytes(std::string_view text, std::size_t size) { return load_bytes(text.begin(), size); }

inline std::uint64_t low_bytes(std::uint64_t all, std::size_t size) { return size >= 8 ? all : all & ((1ULL << (8 * size)) - 1); }

// Capital ASCII letters of eight bytes as small ones.
inline std::uint64_t fold(std::uint64_t x) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  const std::uint64_t low = x & (0x7f * kOnes);
  const std::uint64_t capital = ((low + (0x80 - 'A') * kOnes) ^ (low + (0x7f - 'Z') * kOnes)) & ~x & (0x80 * kOnes);
  return x | capital >> 2U;
}

inline std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = text.size();
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) hash = mix_hash(load_bytes(text.data() + at, 8) ^ hash, at);
  return mix_hash(load_bytes(text.data() + at, text.size() - at) ^ hash, at);
}

// The last eight bytes, the very last highest; of a shorter text with zeros below.
inline std::uint64_t last_bytes(std::string_view text) {
  const std::size_t size = text.size();
  if (size >= 8) return load_bytes(text.data() + size - 8, 8);
  return size == 0 ? 0 : first_bytes(text, size) << (8 * (8 - size));
}

// --- indexes

// Lists of askers, linked: a list is its first link's number; 0 is the empty one.
class Lists {
 public:
  void add(std::uint32_t& list, std::uint32_t asker) {
    if (list != 0 && links_[list].asker == asker) return;
    links_.push_back({asker, list});
    list = static_cast<std::uint32_t>(links_.size() - 1);
  }
  template <class Take>
  void each(std::uint32_t list, Take take) const {
    for (; list != 0; list = links_[list].next) take(links_[list].asker);
  }

 private:
  struct Link {
    std::uint32_t asker = 0;
    std::uint32_t next = 0;
  };
  std::vector<Link> links_{1};
};

// Hashes to values; open addressing.
template <class T>
class HashTable {
 public:
  T& at(std::uint64_t hash) {
    if (2 * (used_ + 1) > entries_.size()) grow();
    Entry& entry = place(hash | 1U);
    if (entry.hash == 0) {
      entry.hash = hash | 1U;
      ++used_;
    }
    return entry.value;
  }
  const T* find(std::uint64_t hash) const {
    if (used_ == 0) return nullptr;
    for (std::size_t i = (hash | 1U) >> shift_;; i = (i + 1) & (entries_.size() - 1)) {
      if (entries_[i].hash == (hash | 1U)) return &entries_[i].value;
      if (entries_[i].hash == 0) return nullptr;
    }
  }

 private:
  struct Entry {
    std::uint64_t hash = 0;  // 0: free
    T value{};
  };
  Entry& place(std::uint64_t hash) {
    std::size_t i = hash >> shift_;
    while (entries_[i].hash != 0 && entries_[i].hash != hash) i = (i + 1) & (entries_.size() - 1);
    return entries_[i];
  }
  void grow() {
    std::vector<Entry> old = std::exchange(entries_, std::vector<Entry>(entries_.empty() ? 16 : 2 * entries_.size()));
    shift_ = entries_.size() == 16 ? 60 : shift_ - 1;
    for (Entry& entry : old) {
      if (entry.hash != 0) place(entry.hash) = entry;
    }
  }

  std::vector<Entry> entries_;
  std::size_t used_ = 0;
  unsigned shift_ = 60;  // the hash's upper bits are the place
};

// Beginnings of texts, or with `kEnds` their ends, in steps of eight bytes: a text whose first eight bytes begin no key costs one
// step.
template <bool kEnds>
class AffixIndex {
 public:
  void add(std::string_view affix, std::uint32_t asker, Lists& lists);
  template <class Found>
  void look(std::string_view text, Found found) const;

 private:
  struct Node {
    std::uint32_t list = 0;
    std::uint16_t lengths = 0;  // bit n: keys go on from here by n bytes; 8: or more
  };
  static constexpr std::size_t kFilterBytes = 4;
  static std::uint64_t filter_bit(std::uint64_t first) { return mix_hash(first, kFilterBytes) >> 55U; }

  HashTable<Node> nodes_;
  std::uint16_t lengths_ = 0;  // of the root
  // By the first four bytes: what is not in here begins no key, unless a key is shorter than that.
  std::array<std::uint64_t, 8> filter_{};
};

// Pieces anywhere in a text, ASCII case aside. A few are looked for side by side, by their rarest two bytes. Of many a gram each
// is looked for; of longer pieces, which have several grams one of which must stand at a multiple of the step, only every few
// bytes.
class PieceIndex {
 public:
  void add(std::string_view piece, std::uint32_t asker) { pieces_.emplace_back(piece, asker); }
  // After the last piece.
  void finish(Lists& lists);
  template <class Found>
  void look(std::string_view text, Found found) const;

 private:
  static constexpr std::size_t kFew = 8;
  static constexpr std::size_t kGram = 8;
  static constexpr std::size_t kLong = 11;  // so that a step of at least four is possible
  struct Few {
    std::string text;
    std::size_t at = 0;  // of its rarest two bytes; of a single byte the second is any
    std::uint32_t list = 0;
  };

  void finish_few(Lists& lists);
  void finish_many(Lists& lists);
  void put(std::uint64_t hash, std::uint32_t asker, Lists& lists);
  template <class Found>
  void probe(std::uint64_t gram, std::size_t size, Found found) const;
  template <class Found>
  void look_few(std::string_view text, Found found) const;

  std::vector<std::pair<std::string, std::uint32_t>> pieces_;  // until finish
  std::vector<Few> few_;
  HashTable<std::uint32_t> grams_;
  std::vector<std::uint64_t> filter_;  // a bit per gram, by the hash
  unsigned filter_shift_ = 58;
  std::uint8_t tiny_sizes_ = 0;  // bit n: grams of n bytes (1 to 3) are looked for at every byte
  std::size_t short_step_ = 0;   // of grams of four bytes; 0: none
  std::size_t long_step_ = 0;    // of grams of eight bytes
};

class ValueIndex {
 public:
  void add(const program::Key& key, std::uint32_t asker, Lists& lists);
  // After the last key, before the first look-up.
  void finish(Lists& lists);

  // Calls `found` with lists; one may come more than once. Of a list of values and of further names each is looked up.
  template <class Found>
  void look(const event::Value& value, Found found) const;

 private:
  template <class Found>
  void look_text(std::string_view text, Found found) const;
  template <class Found>
  void look_address(const event::IpAddress& address, Found found) const;

  // texts
  HashTable<std::uint32_t> texts_;
  std::uint64_t text_sizes_ = 0;  // bit n: texts of n bytes (63: or more)
  std::array<std::uint64_t, 8> text_filter_{};
  AffixIndex<false> prefixes_;
  AffixIndex<true> suffixes_;
  bool has_prefixes_ = false, has_suffixes_ = false, has_pieces_ = false;
  PieceIndex pieces_;
  std::uint32_t regexes_ = 0;  // list: of a text with bytes above 0x7f all of them
  std::uint32_t paths_ = 0;    // list: of a path that is not plain all of them
  // the others
  // Bounds in the order in which a value passes them.
  struct Bound {
    std::int64_t number = 0;
    std::uint32_t list = 0;
  };
  static std::int64_t clamp(std::uint64_t number) {
    constexpr std::uint64_t kMost = ~std::uint64_t{0} >> 1U;
    return static_cast<std::int64_t>(number < kMost ? number : kMost);
  }
  template <class Found>
  void look_ranges(std::int64_t number, Found found) const;
  HashTable<std::uint32_t> numbers_;
  std::vector<Bound> least_, most_;
  std::uint32_t all_numbers_ = 0;  // list: of a double all of them
  HashTable<std::uint32_t> addresses_;
  std::vector<std::pair<std::uint8_t, std::uint8_t>> networks_;  // families and bits that occur
  HashTable<std::uint32_t> network_lists_;
  std::array<std::uint32_t, 2> flags_{};
};

// --- what runs per event

template <bool kEnds>
template <class Found>
void AffixIndex<kEnds>::look(std::string_view text, Found found) const {
  std::uint64_t hash = 0;
  std::uint16_t lengths = lengths_;
  if ((lengths & ((1U << kFilterBytes) - 1U)) == 0) {
    if (text.size() < kFilterBytes) return;
    const std::uint64_t bit = filter_bit(kEnds ? last_bytes(text) >> (64 - 8 * kFilterBytes) : first_bytes(text, kFilterBytes));
    if ((filter_[bit / 64] >> (bit % 64) & 1U) == 0) return;
  }
  while (lengths != 0) {
    const std::size_t size = text.size();
    const std::uint64_t all = kEnds ? last_bytes(text) : first_bytes(text, size);
    const auto usable = static_cast<std::uint16_t>(size >= 8 ? lengths : lengths & ((2U << size) - 1U));
    lengths = 0;
    for (unsigned left = usable; left != 0; left &= left - 1) {
      const auto length = static_cast<std::size_t>(__builtin_ctz(left));
      const std::uint64_t part = kEnds ? all >> (8 * (8 - length)) : low_bytes(all, length);
      const std::uint64_t next = mix_hash(hash ^ part, length);
      const Node* node = nodes_.find(next);
      if (node == nullptr) continue;
      if (node->list != 0) found(node->list);
      if (length == 8) {
        hash = next;
        lengths = node->lengths;
        text = kEnds ? text.substr(0, size - 8) : text.substr(8);
      }
    }
  }
}

template <class Found>
void PieceIndex::probe(std::uint64_t gram, std::size_t size, Found found) const {
  const std::uint64_t hash = mix_hash(gram, size);
  const std::uint64_t bit = hash >> filter_shift_;
  if ((filter_[bit / 64] >> (bit % 64) & 1U) == 0) [[likely]] {
    return;
  }
  if (const std::uint32_t* list = grams_.find(hash)) found(*list);
}

// Whether folded `text` has `piece`, which is folded, at `at`.
inline bool has_piece(std::string_view text, std::size_t at, std::string_view piece) {
  if (piece.size() > text.size() || at > text.size() - piece.size()) return false;
  for (std::size_t i = 0; i < piece.size(); i += 8) {
    const std::size_t size = piece.size() - i < 8 ? piece.size() - i : 8;
    if (fold(load_bytes(text.data() + at + i, size)) != load_bytes(piece.data() + i, size)) return false;
  }
  return true;
}

template <class Found>
void PieceIndex::look_few(std::string_view text, Found found) const {
  using Block = signed char __attribute__((vector_size(16)));
  static constexpr std::size_t kBlock = sizeof(Block);
  const auto folded = [](Block block) { return block | (((block >= 'A') & (block <= 'Z')) & 0x20); };
  for (std::size_t begin = 0; begin < text.size(); begin += kBlock) {
    Block first{};
    Block second{};
    if (begin + kBlock < text.size()) {
      __builtin_memcpy(&first, text.data() + begin, kBlock);
      __builtin_memcpy(&second, text.data() + begin + 1, kBlock);
    } else {
      std::array<char, kBlock + 1> tail{};
      text.copy(tail.data(), kBlock, begin);
      __builtin_memcpy(&first, tail.data(), kBlock);
      __builtin_memcpy(&second, tail.data() + 1, kBlock);
    }
    first = folded(first);
    second = folded(second);
    for (const Few& piece : few_) {
      auto same = first == piece.text[piece.at];
      if (piece.text.size() > 1) same &= second == piece.text[piece.at + 1];
      std::array<std::uint64_t, 2> halves;
      __builtin_memcpy(halves.data(), &same, sizeof(same));
      if ((halves[0] | halves[1]) == 0) [[likely]] {
        continue;
      }
      for (std::size_t i = 0; i < kBlock; ++i) {
        if ((halves[i / 8] >> (8 * (i % 8)) & 1U) == 0) continue;
        if (begin + i < piece.at || !has_piece(text, begin + i - piece.at, piece.text)) continue;
        found(piece.list);
        break;
      }
    }
  }
}

template <class Found>
void PieceIndex::look(std::string_view text, Found found) const {
  if (!few_.empty()) {
    look_few(text, found);
    return;
  }
  const std::size_t size = text.size();
  if (long_step_ != 0) {
    for (std::size_t at = 0; at + kGram <= size; at += long_step_) probe(fold(load_bytes(text.data() + at, kGram)), kGram, found);
  }
  if (short_step_ != 0) {
    for (std::size_t at = 0; at + 4 <= size; at += short_step_) probe(fold(load_bytes(text.data() + at, 4)), 4, found);
  }
  if (tiny_sizes_ == 0) return;
  for (std::size_t at = 0; at < size; ++at) {
    const std::uint64_t here = fold(load_bytes(text.data() + at, size - at < 3 ? size - at : 3));
    for (std::size_t gram = 1; gram <= 3 && at + gram <= size; ++gram) {
      if ((tiny_sizes_ >> gram & 1U) != 0) probe(low_bytes(here, gram), gram, found);
    }
  }
}

template <class Found>
void ValueIndex::look_text(std::string_view text, Found found) const {
  if ((text_sizes_ >> (text.size() < 63 ? text.size() : 63) & 1U) != 0) {
    const std::uint64_t bit = mix_hash(last_bytes(text), text.size()) >> 55U;
    if ((text_filter_[bit / 64] >> (bit % 64) & 1U) != 0) {
      if (const std::uint32_t* list = texts_.find(hash_text(text))) found(*list);
    }
  }
  if (has_prefixes_) prefixes_.look(text, found);
  if (has_suffixes_) suffixes_.look(text, found);
  if (has_pieces_) pieces_.look(text, found);
  if (paths_ != 0 && (!text.starts_with('/') || text.find("//") != std::string_view::npos)) found(paths_);
  if (regexes_ != 0) {
    std::uint64_t high = 0;
    for (std::size_t at = 0; at < text.size(); at += 8) high |= load_bytes(text.data() + at, text.size() - at);
    if ((high & 0x8080808080808080U) != 0) found(regexes_);
  }
}

inline std::uint64_t hash_address(const event::IpAddress& address, std::size_t bits) {
  std::uint64_t half[2];
  __builtin_memcpy(half, address.bytes.data(), sizeof(half));
  const auto masked = [](std::uint64_t of, std::size_t kept) {
    return kept >= 64 ? of : kept == 0 ? 0 : __builtin_bswap64(__builtin_bswap64(of) & ~(~0ULL >> kept));
  };
  return mix_hash(mix_hash(masked(half[0], bits), address.family), masked(half[1], bits > 64 ? bits - 64 : 0) ^ bits);
}

template <class Found>
void ValueIndex::look_address(const event::IpAddress& address, Found found) const {
  if (const std::uint32_t* list = addresses_.find(hash_address(address, 128))) found(*list);
  for (const auto& [family, bits] : networks_) {
    if (family != address.family) continue;
    if (const std::uint32_t* list = network_lists_.find(hash_address(address, bits))) found(*list);
  }
}

template <class Found>
void ValueIndex::look_ranges(std::int64_t number, Found found) const {
  for (const Bound& bound : least_) {
    if (bound.number > number) break;
    found(bound.list);
  }
  for (const Bound& bound : most_) {
    if (bound.number < number) break;
    found(bound.list);
  }
}

template <class Found>
void ValueIndex::look(const event::Value& value, Found found) const {
  if (const auto* text = std::get_if<std::string_view>(&value.data)) {
    look_text(*text, found);
  } else if (const auto* flag = std::get_if<bool>(&value.data)) {
    if (flags_[*flag ? 1 : 0] != 0) found(flags_[*flag ? 1 : 0]);
  } else if (const auto* number = std::get_if<std::int64_t>(&value.data)) {
    if (const std::uint32_t* list = numbers_.find(mix_hash(static_cast<std::uint64_t>(*number), *number < 0 ? 1 : 0)))
      found(*list);
    look_ranges(*number, found);
  } else if (const auto* natural = std::get_if<std::uint64_t>(&value.data)) {
    if (const std::uint32_t* list = numbers_.find(mix_hash(*natural, 0))) found(*list);
    look_ranges(clamp(*natural), found);
  } else if (std::holds_alternative<double>(value.data)) {
    if (all_numbers_ != 0) found(all_numbers_);
  } else if (const auto* address = std::get_if<event::IpAddress>(&value.data)) {
    look_address(*address, found);
  } else if (const auto* list = std::get_if<event::ValueList>(&value.data)) {
    for (const event::Value& item : *list) look(item, found);
  }
  for (const event::Value& name : value.also) look(name, found);
}

}  // namespace shrike::match
