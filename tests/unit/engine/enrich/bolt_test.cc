// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/bolt.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace shrike::enrich {
namespace {

constexpr std::size_t kPage = 4096;

template <class Number>
std::string bytes(Number number) {
  std::string text(sizeof(number), '\0');
  std::memcpy(text.data(), &number, sizeof(number));
  return text;
}

std::string page(std::uint64_t id, std::uint16_t flags, std::uint16_t count, const std::string& rest,
                 std::uint32_t overflow = 0) {
  std::string all = bytes(id) + bytes(flags) + bytes(count) + bytes(overflow) + rest;
  all.resize(kPage * (overflow + 1));
  return all;
}

struct Item {
  std::string key, value;
  bool bucket = false;
};

// The elements and texts of a leaf.
std::string leaf(const std::vector<Item>& items) {
  std::string elements, texts;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto position = static_cast<std::uint32_t>(16 * (items.size() - i) + texts.size());
    elements += bytes<std::uint32_t>(items[i].bucket ? 1 : 0) + bytes(position) +
                bytes(static_cast<std::uint32_t>(items[i].key.size())) + bytes(static_cast<std::uint32_t>(items[i].value.size()));
    texts += items[i].key + items[i].value;
  }
  return elements + texts;
}

std::string branch(const std::vector<std::pair<std::string, std::uint64_t>>& children) {
  std::string elements, texts;
  for (std::size_t i = 0; i < children.size(); ++i) {
    elements += bytes(static_cast<std::uint32_t>(16 * (children.size() - i) + texts.size())) +
                bytes(static_cast<std::uint32_t>(children[i].first.size())) + bytes(children[i].second);
    texts += children[i].first;
  }
  return elements + texts;
}

std::string bucket(std::uint64_t root) { return bytes(root) + bytes<std::uint64_t>(0); }

// A bucket whose only page stands in its value.
std::string inline_bucket(const std::vector<Item>& items) {
  return bucket(0) + bytes<std::uint64_t>(0) + bytes<std::uint16_t>(2) + bytes(static_cast<std::uint16_t>(items.size())) +
         bytes<std::uint32_t>(0) + leaf(items);
}

std::string meta(std::uint64_t id, std::uint64_t root, std::uint64_t transaction, bool whole = true) {
  const std::string body = bytes<std::uint32_t>(0xED0CDAED) + bytes<std::uint32_t>(2) + bytes<std::uint32_t>(kPage) +
                           bytes<std::uint32_t>(0) + bucket(root) + bytes<std::uint64_t>(2) + bytes<std::uint64_t>(9) +
                           bytes(transaction);
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : body) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return page(id, 4, 0, body + bytes(whole ? hash : hash + 1));
}

class BoltTest : public testing::Test {
 protected:
  void SetUp() override { path_ = std::filesystem::temp_directory_path() / ("shrike-bolt-" + std::to_string(getpid())); }
  void TearDown() override { std::filesystem::remove(path_); }
  void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }

  // v1 → default → containers → one → {image, labels}; a branch over two leaves; a value longer than a page.
  static std::string database(std::uint64_t transaction = 5) {
    return meta(0, 3, transaction) + meta(1, 4, transaction - 1) + page(2, 16, 0, "") +
           page(3, 2, 1, leaf({{"v1", bucket(5), true}})) + page(4, 2, 1, leaf({{"old", "x"}})) +
           page(5, 1, 2, branch({{"a", 6}, {"m", 7}})) +
           page(
               6, 2, 1,
               leaf(
                   {{"default",
                     inline_bucket(
                         {{"containers",
                           inline_bucket({{"image", "bb:1"}, {"labels", inline_bucket({{"a", "b"}, {"c", "d"}}), true}}), true}}),
                     true}})) +
           page(7, 2, 1, leaf({{"zero", std::string(5000, 'z')}}), 1);
  }

  std::string path_;
};

TEST_F(BoltTest, LooksUpKeysThroughBucketsAndBranches) {
  write(database());
  Bolt bolt(path_);
  ASSERT_TRUE(bolt.open());
  EXPECT_EQ(bolt.get({"v1", "default", "containers"}, "image"), "bb:1");
  EXPECT_EQ(bolt.get({"v1"}, "zero"), std::string(5000, 'z'));
  EXPECT_EQ(bolt.all({"v1", "default", "containers", "labels"}, 9), (Bolt::Entries{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(bolt.all({"v1", "default", "containers", "labels"}, 1), (Bolt::Entries{{"a", "b"}}));
  EXPECT_EQ(bolt.all({"v1", "default", "containers"}, 9), (Bolt::Entries{{"image", "bb:1"}})) << "no buckets";
  EXPECT_EQ(bolt.get({"v1", "default", "containers"}, "labels"), std::nullopt) << "a bucket is no value";
  EXPECT_EQ(bolt.get({"v1", "default", "image"}, "x"), std::nullopt) << "nor a value a bucket";
  EXPECT_EQ(bolt.get({"v1", "aaa"}, "x"), std::nullopt);
  EXPECT_EQ(bolt.get({"old"}, "x"), std::nullopt) << "the state before";
  write(database().replace(0, kPage, meta(0, 3, 5, false)));
  EXPECT_TRUE(bolt.open());
  EXPECT_EQ(bolt.get({}, "old"), "x") << "a meta page half written: the other one";
}

TEST_F(BoltTest, NoDatabaseIsNone) {
  Bolt bolt(path_);
  EXPECT_FALSE(bolt.open());
  write("no database");
  EXPECT_FALSE(bolt.open());
  std::filesystem::remove(path_);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_FALSE(bolt.open()) << "and it does not wait";
}

TEST_F(BoltTest, DamageIsNothing) {
  // Every byte behind the meta pages, overwritten one at a time: whatever comes out, it comes out.
  const std::string good = database();
  write(good);
  for (std::size_t at = 3 * kPage; at < good.size(); at += at % kPage < 256 ? 1 : 509) {
    for (const char with : {'\xff', '\0'}) {
      std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(at)).put(with).flush();
      Bolt bolt(path_);
      ASSERT_TRUE(bolt.open());
      (void)bolt.get({"v1", "default", "containers"}, "image");
      (void)bolt.all({"v1", "default", "containers", "labels"}, 9);
      (void)bolt.all({"v1"}, 9);
      file.seekp(static_cast<std::streamoff>(at)).put(good[at]);
    }
  }
  write(meta(0, 3, 5) + meta(1, 3, 4) + page(2, 16, 0, "") + page(3, 1, 1, branch({{"a", 3}})));
  Bolt loop(path_);
  ASSERT_TRUE(loop.open());
  EXPECT_EQ(loop.get({"a"}, "b"), std::nullopt) << "a page that is its own child";
  EXPECT_EQ(loop.all({}, 9), std::nullopt);
}

}  // namespace
}  // namespace shrike::enrich
