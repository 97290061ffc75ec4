// SPDX-License-Identifier: Apache-2.0
#include "engine/match/value_index.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <unordered_map>

namespace shrike::match {

using program::Key;

template <bool kEnds>
void AffixIndex<kEnds>::add(std::string_view affix, std::uint32_t asker, Lists& lists) {
  std::uint64_t hash = 0;
  std::uint16_t* lengths = &lengths_;
  while (true) {
    const std::size_t length = std::min<std::size_t>(affix.size(), 8);
    *lengths = static_cast<std::uint16_t>(*lengths | 1U << length);
    const std::uint64_t part = kEnds ? last_bytes(affix) >> (8 * (8 - length)) : load_bytes(affix.data(), length);
    hash = mix_hash(hash ^ part, length);
    Node& node = nodes_.at(hash);
    if (affix.size() <= 8) {
      lists.add(node.list, asker);
      return;
    }
    lengths = &node.lengths;
    affix = kEnds ? affix.substr(0, affix.size() - 8) : affix.substr(8);
  }
}

template class AffixIndex<false>;
template class AffixIndex<true>;

void PieceIndex::put(std::uint64_t hash, std::uint32_t asker, Lists& lists) {
  lists.add(grams_.at(hash), asker);
  const std::uint64_t bit = hash >> filter_shift_;
  filter_[bit / 64] |= 1ULL << (bit % 64);
}

void PieceIndex::finish(Lists& lists) {
  static constexpr std::size_t kStepMax = 8;
  std::size_t grams = 0;
  for (auto& [piece, asker] : pieces_) {
    for (char& c : piece) c = static_cast<char>(fold(static_cast<unsigned char>(c)));
    if (piece.size() >= kLong) {
      const std::size_t possible = piece.size() - kGram + 1;
      step_ = std::min(step_ == 0 ? kStepMax : step_, possible);
    }
  }
  // Which grams of a piece are looked for is free: those that other pieces share the least.
  std::unordered_map<std::uint64_t, std::uint32_t> seen;
  const auto hash_at = [](std::string_view piece, std::size_t at, std::size_t size) {
    return mix_hash(low_bytes(load_bytes(piece.data() + at, size), size), size);
  };
  const auto shape = [&](std::string_view piece) {  // size of a gram, and how many of them side by side
    return piece.size() >= kLong ? std::pair(kGram, step_) : std::pair(std::min<std::size_t>(piece.size(), 4), std::size_t{1});
  };
  for (const auto& [piece, asker] : pieces_) {
    const auto [size, count] = shape(piece);
    grams += count;
    for (std::size_t at = 0; at + size <= piece.size(); ++at) ++seen[hash_at(piece, at, size)];
  }
  const std::size_t bits = std::bit_ceil(std::max<std::size_t>(16 * grams, 64));
  filter_.assign(bits / 64, 0);
  filter_shift_ = static_cast<unsigned>(64 - std::countr_zero(bits));
  for (const auto& [piece, asker] : pieces_) {
    const auto [size, count] = shape(piece);
    std::size_t best = 0;
    std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
    for (std::size_t first = 0; first + count - 1 + size <= piece.size(); ++first) {
      std::uint32_t most = 0;
      for (std::size_t i = 0; i < count; ++i) most = std::max(most, seen[hash_at(piece, first + i, size)]);
      if (most < least) {
        least = most;
        best = first;
      }
    }
    for (std::size_t i = 0; i < count; ++i) put(hash_at(piece, best + i, size), asker, lists);
    if (size < kGram) short_sizes_ = static_cast<std::uint8_t>(short_sizes_ | 1U << size);
  }
  pieces_ = {};
}

void ValueIndex::add(const Key& key, std::uint32_t asker, Lists& lists) {
  switch (key.kind) {
    case Key::Kind::kText: {
      text_sizes_ |= 1ULL << std::min<std::size_t>(key.text.size(), 63);
      const std::uint64_t bit = mix_hash(last_bytes(key.text), key.text.size()) >> 55U;
      text_filter_[bit / 64] |= 1ULL << (bit % 64);
      lists.add(texts_.at(hash_text(key.text)), asker);
      break;
    }
    case Key::Kind::kPath:
      lists.add(paths_, asker);
      [[fallthrough]];
    case Key::Kind::kPrefix:
      has_prefixes_ = true;
      prefixes_.add(key.text, asker, lists);
      break;
    case Key::Kind::kSuffix:
      has_suffixes_ = true;
      suffixes_.add(key.text, asker, lists);
      break;
    case Key::Kind::kRegex:
      lists.add(regexes_, asker);
      [[fallthrough]];
    case Key::Kind::kPiece:
      has_pieces_ = true;
      pieces_.add(key.text, asker);
      break;
    case Key::Kind::kNumber: {
      const auto* negative = std::get_if<std::int64_t>(&key.number);
      const std::uint64_t number =
          negative != nullptr ? static_cast<std::uint64_t>(*negative) : std::get<std::uint64_t>(key.number);
      lists.add(numbers_.at(mix_hash(number, negative != nullptr && *negative < 0 ? 1 : 0)), asker);
      break;
    }
    case Key::Kind::kFlag:
      lists.add(flags_[key.flag ? 1 : 0], asker);
      break;
    case Key::Kind::kAddress:
      lists.add(addresses_.at(hash_address(*key.address, 128)), asker);
      break;
    case Key::Kind::kNetwork: {
      const std::pair shape(key.network->address.family, key.network->prefix);
      if (std::ranges::find(networks_, shape) == networks_.end()) networks_.push_back(shape);
      lists.add(network_lists_.at(hash_address(key.network->address, key.network->prefix)), asker);
      break;
    }
  }
}

void ValueIndex::finish(Lists& lists) {
  if (has_pieces_) pieces_.finish(lists);
}

}  // namespace shrike::match
