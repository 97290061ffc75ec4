// SPDX-License-Identifier: Apache-2.0
#include "engine/event/gaps.h"

#include <algorithm>
#include <iterator>

namespace shrike::event {
namespace {

struct Name {
  bool Gaps::* gap;
  std::string_view name;
};
constexpr Name kNames[] = {{&Gaps::path, "path"},         {&Gaps::arguments, "arguments"}, {&Gaps::user_unread, "user_unread"},
                           {&Gaps::user_cut, "user_cut"}, {&Gaps::fd_gone, "fd_gone"},     {&Gaps::names, "names"},
                           {&Gaps::rules, "rules"},       {&Gaps::unsure, "unsure"}};
static_assert(sizeof(Gaps) == std::size(kNames) * sizeof(bool), "every gap has its name");

}  // namespace

Gaps all_gaps(const Event& event) {
  Gaps gaps = event.gaps;
  gaps.arguments = gaps.arguments || (event.process != nullptr && event.process->image->args_truncated());
  return gaps;
}

std::string gaps_text(const Gaps& gaps) {
  std::string text;
  for (const Name& one : kNames) {
    if (!(gaps.*one.gap)) continue;
    if (!text.empty()) text += ',';
    text += one.name;
  }
  return text;
}

std::optional<Gaps> parse_gaps(std::string_view text) {
  Gaps gaps;
  while (!text.empty()) {
    const std::string_view name = text.substr(0, text.find(','));
    text.remove_prefix(std::min(name.size() + 1, text.size()));
    const auto found = std::ranges::find(kNames, name, &Name::name);
    if (found == std::end(kNames)) return std::nullopt;
    gaps.*found->gap = true;
  }
  return gaps;
}

}  // namespace shrike::event
