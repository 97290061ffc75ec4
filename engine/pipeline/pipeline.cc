// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/pipeline.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "engine/act/make_alert.h"
#include "engine/decode/decode.h"
#include "engine/decode/hooks.h"
#include "engine/event/container.h"

namespace shrike::pipeline {
namespace {

bool is_exec_check(const event::Event& event) {
  const auto* change = std::get_if<event::ProcessChange>(&event.payload);
  return change != nullptr && change->kind == event::ProcessChange::Kind::kExecCheck;
}

// The caller of an exec as it would be if the exec were let through: the same process and ancestors, another image. Of its
// arguments no more is known than a script's name.
event::Process after_exec(const event::Event& event) {
  const auto& change = std::get<event::ProcessChange>(event.payload);
  event::Process process;
  if (event.process != nullptr) process = *event.process;
  process.pid = event.pid;
  process.start_ns = event.start_ns;
  process.ppid = event.ppid;
  process.sid = event.sid;
  process.pgid = change.pgid;
  process.vpid = change.vpid;
  process.vpgid = change.vpgid;
  process.pidns_init_start_ns = change.pidns_init_start_ns;
  std::string args = std::string(1, '\0') + std::string(change.script);
  const auto total = static_cast<std::uint32_t>(args.size() + 1);  // more than is known
  std::string cwd(change.cwd);
  if (cwd.empty() && event.process != nullptr) cwd = event.process->image->cwd();
  process.image =
      std::make_shared<const event::Image>(std::string(change.comm), std::string(change.exe_path), args, total, std::move(cwd),
                                           change.file, std::vector<std::string>(event.names.begin(), event.names.end()));
  return process;
}

bool lacks_facts(const event::Event& event) { return event.container != nullptr && !event.container->facts; }

// What was done, not what the rule asked for: a kill that was not carried out is none.
std::string_view verdict_text(bool kill, bool decided, const event::Verdict& verdict) {
  if (decided && kill && verdict.killed) return "killed";
  if (decided && verdict.refused) return "blocked";
  return kill ? "would_kill" : "would_block";
}

// The last `count` components of a path, without a slash in front; nothing if it has not so many.
std::optional<std::string_view> last_components(std::string_view path, std::uint32_t count) {
  std::size_t at = path.size();
  for (std::uint32_t i = 0; i < count; ++i) {
    if (at == 0) return std::nullopt;
    const std::size_t slash = path.rfind('/', at - 1);
    if (slash == std::string_view::npos) return std::nullopt;
    at = slash;
  }
  return count == 0 ? std::string_view() : path.substr(at + 1);
}

}  // namespace

void Pipeline::load(std::shared_ptr<const program::Program> program, std::shared_ptr<const program::KernelPlan> plan,
                    std::uint32_t generation) {
  auto matcher = std::make_unique<match::Matcher>(*program, parts_.context);
  generations_.push_front({generation, std::move(program), std::move(plan), std::move(matcher)});
  if (generations_.size() > kGenerationsKept) generations_.pop_back();
  refresh();
}

void Pipeline::refresh() {
  clock_.refresh();
  parts_.context.wall_minus_boot_ns = static_cast<std::int64_t>(clock_.from_boot(0));
}

void Pipeline::process(std::span<const std::byte> record) {
  ++counters_.records;
  match::Peeked peeked;
  if (decode::OpenPeek open;
      !generations_.empty() && !parts_.on_event && generations_.front().matcher->peeks() && decode::peek_open(record, open)) {
    peeked = peek(open);
    if (peeked.quiet) return;
  }
  auto event = decode::decode(record, clock_);
  if (!event) {
    ++counters_.corrupt;
    return;
  }
  ++counters_.delivered[event->hook % kHooksMax];
  // A fingerprint says that the file was looked up and has no other name.
  name_object(*event, peeked.fingerprint.has_value());
  count_gaps(event->gaps);
  parts_.enricher.enrich(*event);
  const bool rules_wait = event->type == event::EventType::kNone || event->verdict_only || is_exec_check(*event);
  if (generations_.empty() || (rules_wait && !event->verdict)) return;
  event->number = ++counters_.events;
  parts_.context.begin(event->time_ns);
  if (event->verdict) alert_verdict(*event);
  // By the letter, what io_uring opens was opened by no call a rule could name.
  const bool named = !event->uring || generations_.front().program->opening_is_opening;
  if (!rules_wait && named) alert_rules(*event, peeked);
}

// Counts the open, if it is one that leaves no rule possible.
match::Peeked Pipeline::peek(const decode::OpenPeek& open) {
  const event::Process* process = parts_.enricher.known(open.pid, open.start_ns, open.exec_id, open.cgroup_id);
  if (process == nullptr) return {};
  if (parts_.file_names != nullptr) {
    names_.clear(open.key.path);
    parts_.file_names->add_names(open.place, names_);
    if (!names_.names().empty()) return {};
  }
  auto peeked = generations_.front().matcher->peek(open.type, open.key, *process);
  if (peeked.quiet) {
    ++counters_.delivered[open.hook % kHooksMax];
    ++counters_.events;
    ++counters_.quiet;
    parts_.context.begin(clock_.from_boot(open.boot_ns));
  }
  return peeked;
}

void Pipeline::alert_rules(const event::Event& event, const match::Peeked& peeked) {
  Generation& newest = generations_.front();
  const std::span<const std::uint32_t> fired = newest.matcher->match(event, parts_.matching, peeked);
  fired_.assign(fired.begin(), fired.end());
  // As the rules saw it: what comes late is in the alert, not in the recording.
  if (parts_.on_event) parts_.on_event({event, *newest.program, *newest.matcher, {}});
  if (!fired_.empty()) [[unlikely]] {
    // What the rules looked at may have been absent: the alert says what is known now.
    if (lacks_facts(event) && parts_.enricher.look_again(event)) newest.matcher->look_at(event);
    for (const std::uint32_t rule : fired_) emit(make_alert(newest, rule, event));
  }
}

act::Alert Pipeline::make_alert(Generation& of, std::uint32_t rule, const event::Event& event) {
  return act::make_alert(*of.program, of.program->rules[rule], event, parts_.context,
                         [&](std::uint32_t slot) -> const event::Value& { return of.matcher->value(slot); });
}

void Pipeline::alert_verdict(const event::Event& event) {
  const event::Verdict& verdict = *event.verdict;
  Generation* of = find_generation(verdict.generation);
  if (of == nullptr || of->plan == nullptr) {
    ++counters_.corrupt;
    return;
  }
  event::Event seen = event;
  seen.gaps.unsure = verdict.unsure;
  event::Process successor;
  if (is_exec_check(event)) {
    successor = after_exec(event);
    seen.process = &successor;
  }
  if (lacks_facts(event)) parts_.enricher.look_again(event);
  of->matcher->look_at(seen);
  verdict_alerts_.clear();
  bool known = true;
  for (const std::uint32_t number : verdict.rules) known = alert_decision(*of, number, seen) && known;
  // The one that decided may lie beyond the rules the record holds.
  if (verdict.decider && std::ranges::find(verdict.rules, *verdict.decider) == verdict.rules.end())
    known = alert_decision(*of, *verdict.decider, seen) && known;
  if (!known) ++counters_.corrupt;
  if (parts_.on_event && !verdict_alerts_.empty()) parts_.on_event({seen, *of->program, *of->matcher, verdict_alerts_});
}

// Whether the plan knows the rule; it alerts unless another one decided in its stead.
bool Pipeline::alert_decision(Generation& of, std::uint32_t number, const event::Event& event) {
  if (number >= of.plan->rules.size()) return false;
  const program::KernelPlan::Rule& rule = of.plan->rules[number];
  if (rule.rule >= of.program->rules.size()) return false;
  const event::Verdict& verdict = *event.verdict;
  const bool decided = verdict.decider == number;
  if (rule.enforce && !decided) return true;
  act::Alert alert = make_alert(of, rule.rule, event);
  alert.verdict = verdict_text(rule.kill, decided, verdict);
  alert.hook = decode::hook_name(event.hook);
  alert.error_number = decided && verdict.refused ? EPERM : 0;
  alert.generation = verdict.generation;
  emit(alert);
  if (parts_.on_event) verdict_alerts_.push_back(std::move(alert));
  return true;
}

Pipeline::Generation* Pipeline::find_generation(std::uint32_t number) {
  const auto found = std::ranges::find(generations_, number, &Generation::number);
  return found == generations_.end() ? nullptr : &*found;
}

// What the event's object is called besides its path: by rules that decide in the kernel, and on this host.
void Pipeline::name_object(event::Event& event, bool one_name) {
  std::span<const event::ObjectName> names;
  std::string_view path;
  const auto* open = std::get_if<event::Open>(&event.payload);
  if (open != nullptr) {
    names = open->names;
    path = open->path;
  } else if (const auto* change = std::get_if<event::ProcessChange>(&event.payload)) {
    names = change->names;
    path = change->exe_path;
  }
  names_.clear(path);
  if (!names.empty()) [[unlikely]] {
    const Generation* of = find_generation(event.names_generation);
    if (of == nullptr || of->plan == nullptr || !collect_names(*of->plan, names, path)) {
      event.gaps.names = true;
      if (!event.gaps.path) ++counters_.corrupt;  // of a path whose front is missing too few components may be left
    }
  }
  if (open != nullptr && !one_name && parts_.file_names != nullptr) parts_.file_names->add_names(place_of(*open), names_);
  event.names = names_.names();
  event.gaps.names = event.gaps.names || names_.cut();
}

// Adds to names_. False if the plan does not have one of them.
bool Pipeline::collect_names(const program::KernelPlan& plan, std::span<const event::ObjectName> names, std::string_view path) {
  bool known = true;
  for (const event::ObjectName& name : names) {
    const auto tail = last_components(path, name.below);
    if (name.text >= plan.texts.size() || !tail) {
      known = false;
      continue;
    }
    names_.add(plan.texts[name.text].text, *tail);
  }
  return known;
}

void Pipeline::count_gaps(const event::Gaps& gaps) {
  if (gaps == event::Gaps{}) [[likely]] {
    return;
  }
  counters_.gap_path += gaps.path ? 1 : 0;
  counters_.gap_arguments += gaps.arguments ? 1 : 0;
  counters_.gap_environment += gaps.environment ? 1 : 0;
  counters_.gap_user_unread += gaps.user_unread ? 1 : 0;
  counters_.gap_user_cut += gaps.user_cut ? 1 : 0;
  counters_.gap_fd_gone += gaps.fd_gone ? 1 : 0;
  counters_.gap_names += gaps.names ? 1 : 0;
  counters_.gap_rules += gaps.rules ? 1 : 0;
}

void Pipeline::emit(const act::Alert& alert) {
  ++counters_.alerts;
  if (parts_.on_alert) parts_.on_alert(alert);
  for (const auto& sink : parts_.sinks) {
    if (auto written = sink->write(alert); !written) {
      ++counters_.alerts_failed;
      if (parts_.on_sink_error) parts_.on_sink_error(written.error());
    }
  }
}

}  // namespace shrike::pipeline
