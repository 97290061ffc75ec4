// SPDX-License-Identifier: Apache-2.0
// A process that appends and acknowledges is killed, at random moments and before and after every system call. Whatever it had
// accepted and not acknowledged must be there afterwards, in order, and the spool must open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <random>

#include "outputs/spool.h"
#include "tests/support/temporary_directory.h"

namespace shrike::outputs {
namespace {

constexpr std::uint64_t kNow = 1'800'000'000'000'000'000U;

// What the process says of itself: before it acknowledges a message, after it has appended one.
struct Word {
  enum Kind : std::uint64_t { kAppending, kAccepted, kAcknowledging } kind;
  std::uint64_t number;
};

Message numbered(std::uint64_t number, std::size_t size) {
  return {.id = std::to_string(number),
          .time_ns = number,
          .priority = static_cast<std::uint8_t>(number % 3),
          .rule = "r",
          .source = "syscall",
          .host = "h",
          .subject = "host",
          .body = std::string(size, static_cast<char>('a' + number % 26))};
}

void say(int pipe, Word::Kind kind, std::uint64_t number) {
  const Word word{kind, number};
  if (write(pipe, &word, sizeof(word)) != sizeof(word)) _exit(9);
}

// Appends, and acknowledges most of what it reads, in an order of its own.
void work(const SpoolOptions& options, int pipe, std::uint64_t first, std::uint64_t count, std::size_t largest, unsigned seed) {
  auto spool = Spool::open(options, kNow);
  if (!spool) _exit(8);
  std::mt19937 random(seed);
  std::vector<Spool::Entry> held;
  for (std::uint64_t number = first; number < first + count; ++number) {
    say(pipe, Word::kAppending, number);
    if (!(*spool)->append(numbered(number, 1 + random() % largest), kNow)) _exit(7);
    say(pipe, Word::kAccepted, number);
    if (number % 5 != 4) continue;
    for (Spool::Entry& entry : (*spool)->read(1 + random() % 6, std::size_t{1} << 30U)) held.push_back(std::move(entry));
    std::vector<Spool::Position> done;
    std::erase_if(held, [&](const Spool::Entry& entry) {
      if (random() % 4 == 0) return false;
      say(pipe, Word::kAcknowledging, std::stoull(entry.message.id));
      done.push_back(entry.position);
      return true;
    });
    (*spool)->acknowledge(done);
    if (number % 15 == 14) {
      for (const UniqueFd& fd : (*spool)->take_unsynced()) fdatasync(fd.get());
    }
  }
  spool->reset();
}

// What the survivors may expect.
struct Model {
  enum State { kMaybe, kMust };
  std::map<std::uint64_t, State> messages;

  void hear(int pipe) {
    Word word{};
    while (read(pipe, &word, sizeof(word)) == sizeof(word)) {
      messages[word.number] = word.kind == Word::kAccepted ? kMust : kMaybe;
    }
  }
  // Checks the spool against it, acknowledges all but a few, and knows afterwards exactly what is left.
  void check(const SpoolOptions& options, std::size_t keep) {
    auto spool = Spool::open(options, kNow);
    ASSERT_TRUE(spool) << spool.error().message;
    EXPECT_EQ((*spool)->losses(), Spool::Losses{});
    std::vector<Spool::Position> done;
    std::map<std::uint64_t, State> left;
    std::uint64_t last = 0;
    const auto entries = (*spool)->read(1'000'000, std::size_t{1} << 30U);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const std::uint64_t number = std::stoull(entries[i].message.id);
      EXPECT_LT(last, number) << "out of order, or twice";
      last = number;
      ASSERT_TRUE(messages.contains(number)) << number << " was never appended, or was gone already";
      EXPECT_EQ(entries[i].message, numbered(number, entries[i].message.body.size()));
      messages.erase(number);
      if (i + keep < entries.size()) {
        done.push_back(entries[i].position);
      } else {
        left[number] = kMust;
      }
    }
    for (const auto& [number, state] : messages) EXPECT_EQ(state, kMaybe) << number << " was accepted and is lost";
    (*spool)->acknowledge(done);
    messages = std::move(left);
  }
};

struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  UniqueFd out, in;
};

TEST(SpoolKilled, AtRandomMoments) {
  const test::TemporaryDirectory directory;
  const SpoolOptions options{.directory = directory.path() + "/spool", .max_bytes = 256U << 20U, .segment_bytes = 32U << 10U};
  std::mt19937 random(20261124);
  Model model;
  std::uint64_t next = 1, killed = 0, accepted = 0;
  for (int round = 0; round < 500; ++round) {
    Pipe pipe;
    const auto seed = static_cast<unsigned>(random());
    const pid_t child = fork();
    if (child == 0) {
      pipe.out.reset();
      // Some messages are of many pages: a kill may stop their write halfway.
      work(options, pipe.in.get(), next, 1'000'000, seed % 4 == 0 ? 500'000 : 3'000, seed);
      _exit(0);
    }
    pipe.in.reset();
    usleep(static_cast<useconds_t>(random() % 12'000));
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it could not start, or not write: " << WEXITSTATUS(status);
    ++killed;
    model.hear(pipe.out.get());
    if (!model.messages.empty()) next = std::max(next, model.messages.rbegin()->first + 1);
    model.check(options, round % 20);
    if (testing::Test::HasFailure()) FAIL() << "round " << round;
    accepted = next - 1;
  }
  std::printf("%lu kills, %lu messages begun\n", static_cast<unsigned long>(killed), static_cast<unsigned long>(accepted));
  EXPECT_GT(accepted, 500U);
}

// The work of one process is the same every time, so that its system calls can be counted. Killed at a call's entry it does not
// happen, at its exit it has.
TEST(SpoolKilled, AtEverySystemCall) {
  constexpr std::uint64_t kCount = 40;
  int stops = 0;
  for (int at = 0;; ++at) {
    const test::TemporaryDirectory directory;
    const SpoolOptions options{.directory = directory.path() + "/spool", .max_bytes = 64U << 20U, .segment_bytes = 4096};
    Pipe pipe;
    const pid_t child = fork();
    if (child == 0) {
      pipe.out.reset();
      if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(77);
      raise(SIGSTOP);
      work(options, pipe.in.get(), 1, kCount, 1500, 7);
      _exit(0);
    }
    pipe.in.reset();
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "ptrace can't be had here";
    bool ended = false;
    for (int stop = 0; stop <= at && !ended; ++stop) {
      ASSERT_EQ(ptrace(PTRACE_SYSCALL, child, nullptr, nullptr), 0);
      ASSERT_EQ(waitpid(child, &status, 0), child);
      ended = !WIFSTOPPED(status);
    }
    if (!ended) {
      kill(child, SIGKILL);
      ASSERT_EQ(waitpid(child, &status, 0), child);
    } else {
      ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    }
    Model model;
    model.hear(pipe.out.get());
    model.check(options, 3);
    // And the next process goes on.
    model.check(options, 0);
    if (testing::Test::HasFailure()) FAIL() << "killed at stop " << at;
    if (ended) break;
    stops = at + 1;
  }
  std::printf("%d stops, entries and exits of system calls\n", stops);
  EXPECT_GT(stops, 300);
}

}  // namespace
}  // namespace shrike::outputs
