// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/kernel_check.h"

#include <algorithm>
#include <array>
#include <limits>
#include <netinet/in.h>
#include <optional>
#include <span>
#include <sys/socket.h>
#include <sys/stat.h>
#include <utility>

#include "engine/event/semantics.h"

namespace shrike::compile {
namespace {

using event::Decided;
using event::EventType;
using event::Value;
using lang::Literal;
using program::KernelField;
using program::Op;
using program::Operation;

constexpr std::size_t kCommBytes = 15;

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::unexpected<Problem> refuse(std::string message, std::string hint, lang::Span span) {
  return std::unexpected(Problem{Problem::Kind::kOther, std::move(message), std::move(hint), span});
}

std::vector<const Literal*> literals(const lang::Compare& compare) {
  std::vector<const Literal*> all;
  if (const auto* one = std::get_if<Literal>(&compare.right)) all.push_back(one);
  if (const auto* many = std::get_if<std::vector<Literal>>(&compare.right)) {
    for (const Literal& literal : *many) all.push_back(&literal);
  }
  return all;
}

// --- an event of the operation that has everything such an event can have: what it lacks, the operation lacks

event::Payload full_payload(Operation operation) {
  switch (operation) {
    case Operation::kExec:
      return event::ProcessChange{};
    case Operation::kOpen: {
      event::Open open;
      open.path = open.name = "/d/f";
      open.file.mode = S_IFREG;
      return open;
    }
    case Operation::kConnect:
    case Operation::kSend:
    case Operation::kBind:
      break;
  }
  event::SocketCall call;
  event::Socket& socket = call.socket;
  socket.family = AF_INET;
  socket.local.family = socket.remote.family = 4;
  socket.protocol = IPPROTO_TCP;
  return call;
}

// The check on that event.
struct OnFullEvent {
  bool absent = false;
  bool holds = false;
};
OnFullEvent on_full_event(const event::FieldUse& use, const program::Predicate& predicate, Operation operation) {
  const event::NoNames names;
  const event::NoProcesses processes;
  const event::Context context{names, processes, {}, 0};
  event::Event event;
  event.type = types_of(operation).required.front();
  event.payload = full_payload(operation);
  static constexpr std::string_view kNames[] = {"n"};
  event.names = kNames;
  Arena arena;
  const Value value = event::extract(use, event, context, arena);
  return {value.absent(), program::holds(predicate, value)};
}

// --- event types

std::string names_of(const std::vector<EventType>& types) {
  std::string text;
  for (const EventType type : types) text += (text.empty() ? "" : ", ") + std::string(event::name(type));
  return text;
}

std::string all_of(Operation operation) {
  const auto& required = types_of(operation).required;
  return required.size() == 1 ? "evt.type = " + names_of(required) : "evt.type in (" + names_of(required) + ")";
}

bool is_equality(Op op) { return op == Op::kEqual || op == Op::kNotEqual || op == Op::kIn; }

// The truth for the operation's calls, if it is the same for all that count. Calls that may be left out count only where the
// check names calls of the operation without naming all it must.
std::expected<Judgement, Problem> judge_event_type(const program::Predicate& predicate, const lang::Expr& expr,
                                                   Operation operation) {
  const OperationTypes& types = types_of(operation);
  const bool first = program::holds(predicate, event::name(types.required.front()));
  std::vector<EventType> missing;
  for (const EventType type : types.required) {
    if (program::holds(predicate, event::name(type)) != first) missing.push_back(type);
  }
  const auto partly = [&](const std::string& which) {
    return refuse(quoted(lang::dump(expr)) + " names a part of the operation " + std::string(spelling(operation)) + which,
                  "name all of it: " + all_of(operation), expr.span);
  };
  if (!is_equality(predicate.op)) {
    if (missing.empty()) return Known{first};
    return partly({});
  }
  const auto named = [&](EventType type) {
    return program::holds(predicate, event::name(type)) != (predicate.op == Op::kNotEqual);
  };
  std::erase_if(missing, [](EventType) { return true; });
  std::ranges::copy_if(types.required, std::back_inserter(missing), [&](EventType type) { return !named(type); });
  const bool any = missing.size() < types.required.size() || std::ranges::any_of(types.optional, named);
  if (!any || missing.empty()) return Known{first};
  return partly("; without " + names_of(missing));
}

// --- results: known to be a success, and no more

std::optional<bool> same_for_all(const program::Predicate& predicate, std::span<const Value> values) {
  const bool first = program::holds(predicate, values.front());
  for (const Value& value : values.subspan(1)) {
    if (program::holds(predicate, value) != first) return std::nullopt;
  }
  return first;
}

// Numbers a successful call can return, enough of them to tell all apart that the predicate does.
std::vector<Value> successes(const program::Predicate& predicate, std::string_view field, Operation operation) {
  std::vector<Value> values{Value(std::int64_t{0})};
  if (field != "fd.num" && operation != Operation::kOpen && operation != Operation::kSend) return values;
  values.emplace_back(std::numeric_limits<std::int64_t>::max());
  const auto* numbers = std::get_if<program::Numbers>(&predicate.constants);
  if (numbers == nullptr) return values;
  for (const auto& number : *numbers) {
    const auto at = std::visit([](auto n) { return static_cast<std::int64_t>(n); }, number);
    for (const std::int64_t step : {-1, 0, 1}) {
      if (at > 0 && at < std::numeric_limits<std::int64_t>::max()) values.emplace_back(at + step);
    }
  }
  return values;
}

std::expected<Judgement, Problem> judge_result(const CheckedCompare& checked, const lang::Expr& expr, const Stand& stand) {
  const std::string_view field = checked.left.field()->field->name;
  std::vector<Value> values;
  if (field == "evt.failed") {
    values.emplace_back(false);
  } else if (field == "evt.res") {
    values.emplace_back("SUCCESS");
  } else {
    values = successes(checked.predicate, field, stand.operation);
  }
  const auto truth = same_for_all(checked.predicate, values);
  const bool asks_success = truth && *truth != stand.negated;
  // In a negated group "it failed" excepts nothing that the kernel decides.
  if (truth && (asks_success || stand.inside_negated)) return Known{*truth, true};
  return refuse(quoted(lang::dump(expr)) + " asks for a result that is not known when the kernel decides",
                "leave it out, or ask for success: evt.failed=false", expr.span);
}

std::expected<Judgement, Problem> judge_already_known(const CheckedCompare& checked, const lang::Expr& expr,
                                                      Operation operation) {
  const std::string_view field = checked.left.field()->field->name;
  if (field == "evt.type" || field == "syscall.type") return judge_event_type(checked.predicate, expr, operation);
  if (field != "evt.num") return Known{on_full_event(*checked.left.field(), checked.predicate, operation).holds};
  std::vector<Value> values{Value(std::uint64_t{1}), Value(~std::uint64_t{0})};
  if (const auto* numbers = std::get_if<program::Numbers>(&checked.predicate.constants)) {
    for (const auto& number : *numbers) {
      const auto at = std::visit([](auto n) { return std::cmp_greater(n, 0) ? static_cast<std::uint64_t>(n) : 0; }, number);
      for (const std::uint64_t value : {at - 1, at, at + 1}) {
        if (at != 0 && value != 0) values.emplace_back(value);
      }
    }
  }
  if (const auto truth = same_for_all(checked.predicate, values)) return Known{*truth};
  return refuse(quoted(lang::dump(expr)) + " counts events: the kernel does not", "leave it out", expr.span);
}

// --- fields the kernel does not decide by

std::string decidable_at(Operation operation) {
  const auto bit = static_cast<unsigned>(operation);
  std::string text;
  for (const event::Decision& row : event::decisions()) {
    if (row.decided != Decided::kValue || ((row.hooks >> bit) & 1U) == 0 || row.field == "proc.aname[1]") continue;
    text += (text.empty() ? "" : ", ") + std::string(row.field);
  }
  return text;
}

// What to write instead.
std::string instead_of(std::string_view field, Operation operation) {
  struct Row {
    std::string_view prefix, hint;
  };
  static constexpr Row kRows[] = {
      {"proc.aname", "proc.pname or proc.aname[1] for the parent, proc.aname for any ancestor"},
      {"proc.args", "name the program: proc.exepath = /usr/bin/…"},
      {"proc.cmd", "name the program: proc.exepath = /usr/bin/…"},
      {"proc.exeline", "name the program: proc.exepath = /usr/bin/…"},
      {"proc.exe", "name the program's file: proc.exepath = /usr/bin/…"},
      {"proc.pexe", "the parent goes by proc.pname"},
      {"proc.pcmd", "the parent goes by proc.pname"},
      {"proc.a", "ancestors go by proc.aname"},
      {"user.", "the user goes by number: user.uid"},
      {"container.", "container.id != host, or cgroup.path startswith /…/"},
      {"k8s.", "cgroup.path startswith /kubepods.slice/…/"},
      {"fd.directory", "everything below a directory: fd.name startswith /…/"},
      {"fd.names", "fd.name: in the kernel it stands for every name of the file"},
      {"fd.nameraw", "fd.name, the kernel's path"},
  };
  for (const Row& row : kRows) {
    if (field.starts_with(row.prefix)) return std::string(row.hint);
  }
  return "at " + std::string(spelling(operation)) + " it decides by: " + decidable_at(operation);
}

std::unexpected<Problem> refuse_field(const event::FieldUse& use, const lang::Expr& expr, Operation operation) {
  const std::string name = use.text();
  const std::string at = " at " + std::string(spelling(operation));
  if (use.field->origin == event::Origin::kUserMemory) {
    return refuse(
        quoted(name) + " is what the program says of itself and can change later: the kernel does not decide by it" + at,
        instead_of(name, operation), expr.span);
  }
  return refuse("the kernel does not decide by " + quoted(name) + at, instead_of(name, operation), expr.span);
}

// --- operators

bool offers(std::string_view operators, std::string_view wanted) {
  while (!operators.empty()) {
    const std::size_t blank = operators.find(' ');
    if (operators.substr(0, blank) == wanted) return true;
    operators = blank == std::string_view::npos ? std::string_view() : operators.substr(blank + 1);
  }
  return false;
}

std::unexpected<Problem> refuse_operator(const lang::Compare& compare, const event::FieldUse& use, const event::Decision& row,
                                         lang::Span span) {
  const std::string name = use.text();
  const std::string op = lang::spelling(compare.op);
  std::string hint = "it has: " + std::string(row.operators);
  if (!row.note.empty()) hint += " (" + std::string(row.note) + ")";
  if (name == "proc.aname" && compare.op == lang::Operator::kNotEqual) {
    return refuse(quoted("proc.aname != …") + " asks for some ancestor of another name: the kernel does not decide it",
                  "if none may have the name: not proc.aname = …", span);
  }
  return refuse("the kernel does not decide " + op + " on " + quoted(name) + " in this version: it looks values up" +
                    (offers(row.operators, "startswith") ? ", whole or by directory" : ""),
                hint, span);
}

// --- constants

KernelField kernel_field(std::string_view field) {
  struct Row {
    std::string_view field;
    KernelField kernel;
  };
  static constexpr Row kRows[] = {
      {"proc.exepath", KernelField::kExepath}, {"proc.name", KernelField::kName},         {"proc.pname", KernelField::kPname},
      {"proc.aname", KernelField::kAname},     {"proc.aname[1]", KernelField::kPname},    {"user.uid", KernelField::kUid},
      {"cgroup.path", KernelField::kCgroup},   {"container.id", KernelField::kContainer}, {"fd.name", KernelField::kPath},
      {"fd.filename", KernelField::kFilename}, {"fd.l4proto", KernelField::kProtocol},
  };
  for (const Row& row : kRows) {
    if (row.field == field) return row.kernel;
  }
  if (field.ends_with("port")) return KernelField::kPort;
  return field.ends_with("ip") || field.ends_with("net") ? KernelField::kAddress : KernelField::kAccess;
}

bool is_normal_path(std::string_view path) {
  if (path.size() < 2 || path.front() != '/') return false;
  std::size_t at = 1;
  while (at <= path.size()) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view component = path.substr(at, end - at);
    if (component.empty() || component == "." || component == "..") return false;
    at = end + 1;
  }
  return true;
}

// Its key, or why it has none.
std::expected<std::string, Problem> path_key(KernelField field, lang::Operator op, const Literal& literal) {
  const std::string& text = literal.text;
  const auto no = [&](const std::string& what, std::string hint) {
    return refuse(quoted(text) + what, std::move(hint), literal.span);
  };
  std::string_view path = text;
  if (op == lang::Operator::kStartswith) {
    if (!path.ends_with('/'))
      return no(" is no directory: the kernel does not decide by the beginning of a name",
                "with its slash: startswith " + text + "/");
    path.remove_suffix(1);
  }
  if (op == lang::Operator::kPmatch && path.find_first_of("*?[") != std::string_view::npos)
    return no(" is a glob: the kernel does not decide by patterns yet", "whole directories: pmatch (/etc/ssh)");
  if (op == lang::Operator::kPmatch && path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const bool exact = op != lang::Operator::kStartswith && op != lang::Operator::kPmatch;
  if (exact && field == KernelField::kCgroup && path == "/") return text;
  if (exact && field == KernelField::kExepath && path.starts_with("memfd:") && !path.ends_with('/')) return text;
  if (path.empty() || path == "/") return no(" is everything", "name a directory below it, or leave the check out");
  if (!is_normal_path(path))
    return no(" is no path as the kernel writes them", "absolute, without //, . and .. and without a slash at its end");
  return exact || op == lang::Operator::kPmatch ? std::string(path) : text;
}

std::expected<std::string, Problem> name_key(KernelField field, const Literal& literal) {
  const std::string& text = literal.text;
  if (text.find('/') != std::string::npos)
    return refuse(quoted(text) + " has a slash: no name is equal to it", "the last component alone", literal.span);
  if (field != KernelField::kFilename && text.size() > kCommBytes) {
    return refuse(quoted(text) + " is longer than the 15 bytes the kernel keeps of a name: nothing is equal to it",
                  "its first 15 bytes: " + text.substr(0, kCommBytes), literal.span);
  }
  return text;
}

std::expected<std::vector<std::string>, Problem> keys_of(KernelField field, const lang::Compare& compare) {
  std::vector<std::string> keys;
  const bool paths = field == KernelField::kExepath || field == KernelField::kPath || field == KernelField::kCgroup;
  const bool names = field == KernelField::kName || field == KernelField::kPname || field == KernelField::kAname ||
                     field == KernelField::kFilename;
  if (!paths && !names) return keys;
  for (const Literal* literal : literals(compare)) {
    auto key = paths ? path_key(field, compare.op, *literal) : name_key(field, *literal);
    if (!key) return std::unexpected(std::move(key).error());
    if (compare.op == lang::Operator::kPmatch) keys.push_back(*key + '/');
    keys.push_back(*std::move(key));
  }
  return keys;
}

std::expected<Judgement, Problem> judge_value(CheckedCompare checked, const lang::Expr& expr, const event::Decision& row) {
  const auto& compare = std::get<lang::Compare>(expr.node);
  const event::FieldUse& use = *checked.left.field();
  const std::string name = use.text();
  if (compare.op == lang::Operator::kExists) {
    if (row.always_present) return Known{true};
    return refuse(quoted(lang::dump(expr)) + " can't be decided by the kernel", "compare it with values", expr.span);
  }
  if (!offers(row.operators, lang::spelling(compare.op))) return refuse_operator(compare, use, row, expr.span);
  if (name == "container.id" && std::get<program::Texts>(checked.predicate.constants) != program::Texts{"host"})
    return refuse("the kernel tells only the host from containers, not one container from another",
                  "container.id = host, container.id != host, or cgroup.path", expr.span);
  auto check = std::make_shared<KernelCheck>();
  check->field = kernel_field(name);
  auto keys = keys_of(check->field, compare);
  if (!keys) return std::unexpected(std::move(keys).error());
  check->keys = *std::move(keys);
  check->use = use;
  check->predicate = std::move(checked.predicate);
  check->text = lang::dump(expr);
  check->span = expr.span;
  check->source = expr.source;
  if (has_many_sources(check->field) && check->predicate.op == Op::kNotEqual) {
    check->predicate.op = Op::kEqual;
    check->inverted = true;
  }
  return check;
}

}  // namespace

bool has_many_sources(KernelField field) {
  return field == KernelField::kExepath || field == KernelField::kPath || field == KernelField::kAname;
}

event::Moment hook_of(Operation operation) { return event::kHooks[static_cast<std::size_t>(operation)]; }

const OperationTypes& types_of(Operation operation) {
  using enum EventType;
  static const std::array<OperationTypes, program::kOperations> kTypes{{
      {{kExecve, kExecveat}, {}},
      {{kOpen, kOpenat, kOpenat2}, {kCreat, kOpenByHandleAt}},
      {{kConnect}, {}},
      {{kSendto, kSendmsg, kSendmmsg}, {}},
      {{kBind}, {}},
  }};
  return kTypes[static_cast<std::size_t>(operation)];
}

event::EventSet event_set_of(Operation operation) {
  event::EventSet set;
  for (const EventType type : types_of(operation).required) set.set(event::index(type));
  for (const EventType type : types_of(operation).optional) set.set(event::index(type));
  return set;
}

std::expected<Judgement, Problem> judge(const lang::Expr& expr, const Stand& stand) {
  const auto& compare = std::get<lang::Compare>(expr.node);
  auto checked = check_types(compare);
  if (!checked) return std::unexpected(std::move(checked).error());
  if (checked->right)
    return refuse("the kernel does not compare fields with each other nor with transformers", "compare with constants",
                  expr.span);
  if (checked->predicate.quantifier != program::Quantifier::kNone) {
    return refuse("the kernel does not decide " + std::string(lang::spelling(compare.modifier)),
                  "in (…) holds for any of a list; join others with and, or", expr.span);
  }
  const event::FieldUse* use = checked->left.field();
  if (use == nullptr) {
    return refuse("the kernel does not run transformers: " + quoted(lang::dump(std::get<lang::Transform>(compare.left))),
                  "compare the field itself with constants", expr.span);
  }
  if (checked->left.list)
    return refuse("the kernel does not decide by " + quoted(use->text()) + ", a list", "compare single values", expr.span);
  const event::Decision* row = event::decision(*use, hook_of(stand.operation));
  if (row != nullptr) {
    switch (row->decided) {
      case Decided::kSuccess:
        return judge_result(*checked, expr, stand);
      case Decided::kAlready:
        return judge_already_known(*checked, expr, stand.operation);
      case Decided::kValue:
        return judge_value(*std::move(checked), expr, *row);
    }
  }
  const event::Field& field = *use->field;
  const OnFullEvent full = on_full_event(*use, checked->predicate, stand.operation);
  const bool lacking = field.name.starts_with("fd.") && field.get != nullptr && full.absent;
  const bool of_opens = field.name == "evt.is_open_read" || field.name == "evt.is_open_write";
  if (lacking || of_opens) return Known{full.holds};
  return refuse_field(*use, expr, stand.operation);
}

}  // namespace shrike::compile
