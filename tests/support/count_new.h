// SPDX-License-Identifier: Apache-2.0
// Counts what operator new is asked for. For one source of a program: it replaces the operator in all of it.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {
thread_local std::size_t allocations = 0;
}

// Not inlined: the compiler would see malloc in one place and operator delete in the other.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
