// SPDX-License-Identifier: Apache-2.0
// Several rules hit one event; and what scripts are judged by.
#include "tests/enforce/full_tier.h"

namespace shrike::test {
namespace {

using SeveralRules = FullTier;
using Script = FullTier;

TEST_F(SeveralRules, MonitorNeverMasks) {
  suite_->expect(open("several/mb", kRead), kRefused,
                 {would_block("Monitor first", "file_open"), blocked("Enforce second", "file_open")});
  suite_->expect(open("several/bm", kRead), kRefused,
                 {blocked("Enforce first", "file_open"), would_block("Monitor second", "file_open")});
}

// The block rule is outranked: it is counted, it does not alert.
TEST_F(SeveralRules, KillBeatsBlock) {
  suite_->expect(open("several/bk", kRead), kSignalled + SIGKILL, {killed("Kill second", "file_open", 1)});
  suite_->expect(open("several/kb", kRead), kSignalled + SIGKILL, {killed("Kill first", "file_open", 1)});
}

TEST_F(SeveralRules, AlertRuleSeesTheRefusedCallOnce) {
  suite_->expect(open("several/failed", kRead), kRefused, {blocked("Refused open", "file_open"), alert("Failed open")});
}

TEST_F(Script, IsRefusedByItsInterpreter) {
  const Outcome outcome = suite_->expect({deed("exec_fail"), "execve", "-", path("script/forbidden-interpreter")}, kRefused,
                                         {blocked("Interpreter", "bprm_creds_from_file")});
  EXPECT_EQ(outcome.output, "");
}

TEST_F(Script, PassesByItsOwnPath) {
  const Outcome outcome = suite_->expect({deed("exec_fail"), "execve", "-", path("script/named")}, 0);
  EXPECT_EQ(outcome.output, "ran\n");
}

}  // namespace
}  // namespace shrike::test
