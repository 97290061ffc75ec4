// SPDX-License-Identifier: Apache-2.0
// Bolt looks a few keys up in a bbolt database, as containerd and Podman keep theirs, while its owner goes on writing.
//
// Pages a committed tree refers to are not written again until the transaction after the next one. A look-up during which none
// was committed has therefore seen one state; any other is repeated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/handle.h"

namespace shrike::enrich {

class Bolt {
 public:
  using Buckets = std::vector<std::string_view>;  // from the root
  using Entries = std::vector<std::pair<std::string, std::string>>;

  explicit Bolt(std::string path) : path_(std::move(path)) {}

  // False: there is no such file, or it is no database.
  bool open();

  // The value of a key. Nothing: there is none, the database is damaged, or it was written to all the while.
  std::optional<std::string> get(const Buckets& buckets, std::string_view key);

  // Keys and values of a bucket, at most `most`, without buckets in it.
  std::optional<Entries> all(const Buckets& buckets, std::size_t most);

 private:
  struct Meta {
    std::uint64_t page_size = 0;
    std::uint64_t root = 0;
    std::uint64_t transaction = 0;
  };
  struct Item {
    bool is_bucket = false;
    std::string key, value;
  };

  std::optional<Meta> read_meta() const;
  std::optional<std::string> read_page(std::uint64_t page);
  std::optional<std::string> bucket_page(const Buckets& buckets);
  std::optional<Item> find(std::string page, std::string_view key);
  bool collect(const std::string& page, std::size_t most, int depth, Entries& into);
  template <class Look>
  auto consistently(Look look) -> decltype(look());

  std::string path_;
  UniqueFd fd_;
  Meta meta_;
  int pages_left_ = 0;  // of the look-up at hand
};

}  // namespace shrike::enrich
