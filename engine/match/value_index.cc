// SPDX-License-Identifier: Apache-2.0
#include "engine/match/value_index.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <unordered_map>

namespace shrike::match {

using program::Key;

template <bool kEnds>
void AffixIndex<kEnds>::add(std::string_view affix, std::uint32_t asker, Lists& lists) {
  if (affix.size() >= kFilterBytes) {
    const std::uint64_t bit = filter_bit(kEnds ? last_bytes(affix) >> (64 - 8 * kFilterBytes) : first_bytes(affix, kFilterBytes));
    filter_[bit / 64] |= 1ULL << (bit % 64);
  }
  std::uint64_t hash = 0;
  std::uint16_t* lengths = &lengths_;
  while (true) {
    const std::size_t length = std::min<std::size_t>(affix.size(), 8);
    *lengths = static_cast<std::uint16_t>(*lengths | 1U << length);
    const std::uint64_t part = kEnds ? last_bytes(affix) >> (8 * (8 - length)) : first_bytes(affix, length);
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
  for (auto& [piece, asker] : pieces_) {
    for (char& c : piece) c = static_cast<char>(fold(static_cast<unsigned char>(c)));
  }
  std::ranges::sort(pieces_);
  std::size_t different = 0;
  for (std::size_t i = 0; i < pieces_.size(); ++i) different += i == 0 || pieces_[i].first != pieces_[i - 1].first ? 1 : 0;
  if (different <= kFew) {
    finish_few(lists);
  } else {
    finish_many(lists);
  }
  pieces_ = {};
}

void PieceIndex::finish_few(Lists& lists) {
  // How often bytes stand in paths and command lines, roughly.
  const auto frequency = [](char c) {
    static constexpr std::string_view kOften = "/esrtainoldu";
    return kOften.contains(c) ? 3 : c >= 'a' && c <= 'z' ? 2 : (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ' ' ? 2 : 1;
  };
  for (const auto& [piece, asker] : pieces_) {
    if (few_.empty() || few_.back().text != piece) {
      Few& added = few_.emplace_back();
      added.text = piece;
      for (std::size_t at = 1; at + 1 < piece.size(); ++at) {
        if (frequency(piece[at]) + frequency(piece[at + 1]) < frequency(piece[added.at]) + frequency(piece[added.at + 1]))
          added.at = at;
      }
    }
    lists.add(few_.back().list, asker);
  }
}

void PieceIndex::finish_many(Lists& lists) {
  static constexpr std::size_t kStepMax = 8;
  static constexpr std::size_t kShortGram = 4;
  std::size_t grams = 0;
  for (const auto& [piece, asker] : pieces_) {
    if (piece.size() >= kLong) {
      long_step_ = std::min(long_step_ == 0 ? kStepMax : long_step_, piece.size() - kGram + 1);
    } else if (piece.size() >= kShortGram) {
      short_step_ = std::min(short_step_ == 0 ? kStepMax : short_step_, piece.size() - kShortGram + 1);
    }
  }
  // Which grams of a piece are looked for is free: those that other pieces share the least.
  std::unordered_map<std::uint64_t, std::uint32_t> seen;
  const auto hash_at = [](std::string_view piece, std::size_t at, std::size_t size) {
    return mix_hash(low_bytes(load_bytes(piece.data() + at, size), size), size);
  };
  const auto shape = [&](std::string_view piece) {  // size of a gram, and how many of them side by side
    if (piece.size() >= kLong) return std::pair(kGram, long_step_);
    return piece.size() >= kShortGram ? std::pair(kShortGram, short_step_) : std::pair(piece.size(), std::size_t{1});
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
    if (size < kShortGram) tiny_sizes_ = static_cast<std::uint8_t>(tiny_sizes_ | 1U << size);
  }
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
      lists.add(all_numbers_, asker);
      break;
    }
    case Key::Kind::kRange: {
      const auto* natural = std::get_if<std::uint64_t>(&key.number);
      Bound& bound = (key.flag ? most_ : least_).emplace_back();
      bound.number = natural != nullptr ? clamp(*natural) : std::get<std::int64_t>(key.number);
      lists.add(bound.list, asker);
      lists.add(all_numbers_, asker);
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
  std::ranges::sort(least_, {}, &Bound::number);
  std::ranges::sort(most_, std::greater<>(), &Bound::number);
}

}  // namespace shrike::match
