# SPDX-License-Identifier: Apache-2.0
"""A short exec storm and a short churn of tests/bench/storm.py: nothing of a life is lost, and each child knows who started it."""

import os
import pathlib
import sys
import unittest

import harness

sys.path.insert(0, str(harness.ROOT / "tests" / "bench"))
import storm  # noqa: E402


class StormTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        if not pathlib.Path("/sys/kernel/btf/vmlinux").exists():
            raise unittest.SkipTest("this kernel has no BTF")

    def test_every_exec_is_seen_with_its_parents(self):
        result = storm.storm(seconds=3, rate=5000, workers=2)
        self.assertGreater(result["execs"], 100)
        self.assertEqual(0, result["life_lost"])
        self.assertEqual(0, result["missing"])
        self.assertEqual([], result["examples"])
        self.assertEqual(0, result["wrong"])
        self.assertEqual(0, result["processes"]["evicted"])

    def test_the_dead_do_not_pile_up(self):
        result = storm.churn(count=20_000, warm_up=5_000)
        self.assertEqual(0, result["life_lost"])
        self.assertLess(result["processes"]["known"], 5_000)
        self.assertLess(result["after_kib"], result["before_kib"] * 1.1 + 1024)


if __name__ == "__main__":
    harness.main()
