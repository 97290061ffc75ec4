// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/bolt.h"

#include <array>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/enrich/read_file.h"

namespace shrike::enrich {
namespace {

constexpr std::uint32_t kMagic = 0xED0CDAED;
constexpr std::uint32_t kVersion = 2;
constexpr std::uint16_t kBranch = 1;
constexpr std::uint16_t kLeaf = 2;
constexpr std::uint32_t kIsBucket = 1;
constexpr std::size_t kPageBytesMax = 1U << 20U;
constexpr int kPagesMax = 256;  // of one look-up
constexpr int kDepthMax = 16;
constexpr int kTries = 3;

// As they lie in the file: host order, the host's alignment.
struct PageHeader {
  std::uint64_t id;
  std::uint16_t flags;
  std::uint16_t count;
  std::uint32_t overflow;
};
struct BranchElement {
  std::uint32_t position;  // of the key, from this element
  std::uint32_t key_size;
  std::uint64_t page;
};
struct LeafElement {
  std::uint32_t flags;
  std::uint32_t position;
  std::uint32_t key_size;
  std::uint32_t value_size;
};
struct BucketHeader {
  std::uint64_t root;  // 0: the bucket's only page follows
  std::uint64_t sequence;
};
struct MetaPage {
  PageHeader page;
  std::uint32_t magic;
  std::uint32_t version;
  std::uint32_t page_size;
  std::uint32_t flags;
  BucketHeader root;
  std::uint64_t freelist;
  std::uint64_t pages;
  std::uint64_t transaction;
  std::uint64_t checksum;  // FNV-1a of what stands between the page header and here
};

template <class Wire>
std::optional<Wire> wire_at(std::string_view bytes, std::size_t at) {
  if (at > bytes.size() || bytes.size() - at < sizeof(Wire)) return std::nullopt;
  Wire wire;
  std::memcpy(&wire, bytes.data() + at, sizeof(Wire));
  return wire;
}

std::optional<std::string_view> part(std::string_view bytes, std::size_t at, std::size_t size) {
  if (at > bytes.size() || bytes.size() - at < size) return std::nullopt;
  return bytes.substr(at, size);
}

std::uint64_t fnv(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

bool is_whole(const MetaPage& meta) {
  const std::string_view bytes(reinterpret_cast<const char*>(&meta) + sizeof(PageHeader),
                               offsetof(MetaPage, checksum) - sizeof(PageHeader));
  const bool sized = meta.page_size >= 1024 && meta.page_size <= 65536 && (meta.page_size & (meta.page_size - 1)) == 0;
  return meta.magic == kMagic && meta.version == kVersion && sized && meta.checksum == fnv(bytes);
}

std::size_t element_at(std::size_t index) { return sizeof(PageHeader) + index * sizeof(LeafElement); }
static_assert(sizeof(LeafElement) == sizeof(BranchElement));

}  // namespace

bool Bolt::open() {
  fd_ = reopen_regular(UniqueFd(::open(path_.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW)));
  return fd_ && read_meta().has_value();
}

// The newer of the two that is whole.
std::optional<Bolt::Meta> Bolt::read_meta() const {
  std::optional<Meta> best;
  std::uint64_t second = 4096;
  for (int i = 0; i < 2; ++i) {
    MetaPage meta{};
    if (pread(fd_.get(), &meta, sizeof(meta), static_cast<off_t>(i == 0 ? 0 : second)) != sizeof(meta) || !is_whole(meta))
      continue;
    second = meta.page_size;
    if (!best || meta.transaction > best->transaction) best = Meta{meta.page_size, meta.root.root, meta.transaction};
  }
  return best;
}

template <class Look>
auto Bolt::consistently(Look look) -> decltype(look()) {
  for (int i = 0; i < kTries; ++i) {
    const auto before = read_meta();
    if (!before) return std::nullopt;
    meta_ = *before;
    pages_left_ = kPagesMax;
    auto found = look();
    const auto after = read_meta();
    if (after && after->transaction == before->transaction) return found;
  }
  return std::nullopt;
}

std::optional<std::string> Bolt::read_page(std::uint64_t page) {
  if (--pages_left_ < 0 || page > (std::uint64_t{1} << 40U)) return std::nullopt;
  const auto start = static_cast<off_t>(page * meta_.page_size);
  PageHeader header{};
  if (pread(fd_.get(), &header, sizeof(header), start) != sizeof(header) || header.id != page) return std::nullopt;
  const std::uint64_t size = (header.overflow + std::uint64_t{1}) * meta_.page_size;
  if (size > kPageBytesMax) return std::nullopt;
  std::string bytes(size, '\0');
  return pread(fd_.get(), bytes.data(), size, start) == static_cast<ssize_t>(size) ? std::optional(std::move(bytes))
                                                                                   : std::nullopt;
}

std::optional<Bolt::Item> Bolt::find(std::string page, std::string_view key) {
  for (int depth = 0; depth < kDepthMax; ++depth) {
    const auto header = wire_at<PageHeader>(page, 0);
    if (!header || header->count == 0) return std::nullopt;
    if ((header->flags & kLeaf) != 0) {
      for (std::size_t i = 0; i < header->count; ++i) {
        const auto element = wire_at<LeafElement>(page, element_at(i));
        if (!element) return std::nullopt;
        const std::size_t at = element_at(i) + element->position;
        if (part(page, at, element->key_size) != key) continue;
        const auto value = part(page, at + element->key_size, element->value_size);
        if (!value) return std::nullopt;
        return Item{(element->flags & kIsBucket) != 0, std::string(key), std::string(*value)};
      }
      return std::nullopt;
    }
    if ((header->flags & kBranch) == 0) return std::nullopt;
    // The last child that does not begin behind the key.
    std::optional<std::uint64_t> child;
    for (std::size_t i = 0; i < header->count; ++i) {
      const auto element = wire_at<BranchElement>(page, element_at(i));
      const auto first = element ? part(page, element_at(i) + element->position, element->key_size) : std::nullopt;
      if (!first) return std::nullopt;
      if (child && *first > key) break;
      child = element->page;
    }
    auto next = read_page(*child);
    if (!next) return std::nullopt;
    page = *std::move(next);
  }
  return std::nullopt;
}

std::optional<std::string> Bolt::bucket_page(const Buckets& buckets) {
  auto page = read_page(meta_.root);
  for (const std::string_view name : buckets) {
    if (!page) return std::nullopt;
    const auto item = find(*std::move(page), name);
    if (!item || !item->is_bucket) return std::nullopt;
    const auto header = wire_at<BucketHeader>(item->value, 0);
    if (!header) return std::nullopt;
    page = header->root == 0 ? std::optional(item->value.substr(sizeof(BucketHeader))) : read_page(header->root);
  }
  return page;
}

std::optional<std::string> Bolt::get(const Buckets& buckets, std::string_view key) {
  return consistently([&]() -> std::optional<std::string> {
    auto page = bucket_page(buckets);
    if (!page) return std::nullopt;
    auto item = find(*std::move(page), key);
    if (!item || item->is_bucket) return std::nullopt;
    return std::move(item->value);
  });
}

std::optional<Bolt::Entries> Bolt::all(const Buckets& buckets, std::size_t most) {
  return consistently([&]() -> std::optional<Entries> {
    const auto page = bucket_page(buckets);
    Entries entries;
    if (!page || !collect(*page, most, 0, entries)) return std::nullopt;
    return entries;
  });
}

bool Bolt::collect(const std::string& page, std::size_t most, int depth, Entries& into) {
  const auto header = wire_at<PageHeader>(page, 0);
  if (!header || depth == kDepthMax) return false;
  for (std::size_t i = 0; i < header->count && into.size() < most; ++i) {
    if ((header->flags & kLeaf) == 0) {
      const auto element = wire_at<BranchElement>(page, element_at(i));
      const auto child = element ? read_page(element->page) : std::nullopt;
      if (!child || !collect(*child, most, depth + 1, into)) return false;
      continue;
    }
    const auto element = wire_at<LeafElement>(page, element_at(i));
    if (!element) return false;
    const std::size_t at = element_at(i) + element->position;
    const auto key = part(page, at, element->key_size);
    const auto value = part(page, at + element->key_size, element->value_size);
    if (!key || !value) return false;
    if ((element->flags & kIsBucket) == 0) into.emplace_back(*key, *value);
  }
  return true;
}

}  // namespace shrike::enrich
