// SPDX-License-Identifier: Apache-2.0
#include "outputs/encode/details.h"

#include <algorithm>
#include <array>
#include <arpa/inet.h>
#include <limits>

#include "engine/event/value.h"

namespace shrike::outputs {
namespace {

constexpr std::array<Severity, 8> kSeverities = {{
    {"emergency", 10, 10, 6, "Fatal", 99, 21, "EMERGENCY", "critical", "critical"},
    {"alert", 9, 9, 5, "Critical", 99, 19, "ALERT", "critical", "critical"},
    {"critical", 8, 8, 5, "Critical", 99, 18, "CRITICAL", "critical", "critical"},
    {"error", 7, 7, 4, "High", 73, 17, "ERROR", "high", "warning"},
    {"warning", 6, 6, 3, "Medium", 47, 13, "WARNING", "medium", "warning"},
    {"notice", 4, 4, 2, "Low", 21, 10, "NOTICE", "low", "information"},
    {"informational", 3, 3, 1, "Informational", 21, 9, "INFORMATIONAL", "informational", "information"},
    {"debug", 0, 1, 1, "Informational", 21, 5, "DEBUG", "informational", "information"},
}};

constexpr Deed kDeeds[] = {
    {"execve", Category::kProcess, "exec", "start"},
    {"execveat", Category::kProcess, "exec", "start"},
    {"open", Category::kFile, "file-read", "access"},
    {"openat", Category::kFile, "file-read", "access"},
    {"openat2", Category::kFile, "file-read", "access"},
    {"open_by_handle_at", Category::kFile, "file-read", "access"},
    {"creat", Category::kFile, "file-create", "creation"},
    {"mkdir", Category::kFile, "directory-create", "creation"},
    {"mkdirat", Category::kFile, "directory-create", "creation"},
    {"unlink", Category::kFile, "file-delete", "deletion"},
    {"unlinkat", Category::kFile, "file-delete", "deletion"},
    {"rmdir", Category::kFile, "directory-delete", "deletion"},
    {"rename", Category::kFile, "file-rename", "change"},
    {"renameat", Category::kFile, "file-rename", "change"},
    {"renameat2", Category::kFile, "file-rename", "change"},
    {"link", Category::kFile, "file-link", "creation"},
    {"linkat", Category::kFile, "file-link", "creation"},
    {"symlink", Category::kFile, "file-link", "creation"},
    {"symlinkat", Category::kFile, "file-link", "creation"},
    {"chmod", Category::kFile, "file-attributes", "change"},
    {"fchmod", Category::kFile, "file-attributes", "change"},
    {"fchmodat", Category::kFile, "file-attributes", "change"},
    {"connect", Category::kNetwork, "connect", "connection"},
    {"accept", Category::kNetwork, "accept", "connection"},
    {"accept4", Category::kNetwork, "accept", "connection"},
    {"bind", Category::kNetwork, "bind", "info"},
    {"listen", Category::kNetwork, "listen", "info"},
    {"socket", Category::kNetwork, "socket", "info"},
    {"sendto", Category::kNetwork, "send", "access"},
    {"sendmsg", Category::kNetwork, "send", "access"},
    {"sendmmsg", Category::kNetwork, "send", "access"},
    {"recvfrom", Category::kNetwork, "receive", "access"},
    {"recvmsg", Category::kNetwork, "receive", "access"},
    {"ptrace", Category::kProcess, "ptrace", "access"},
    {"setuid", Category::kProcess, "setuid", "change"},
    {"setns", Category::kProcess, "namespace-enter", "change"},
    {"unshare", Category::kProcess, "namespace-create", "change"},
    {"init_module", Category::kKernel, "module-load", "start"},
    {"finit_module", Category::kKernel, "module-load", "start"},
    {"bpf", Category::kKernel, "bpf", "change"},
};
constexpr Deed kWrite = {"", Category::kFile, "file-write", "change"};
constexpr Deed kCreate = {"", Category::kFile, "file-create", "creation"};
constexpr Deed kNotice = {"", Category::kEngine, "notice", "info"};

constexpr Tactic kTactics[] = {
    {"mitre_reconnaissance", "TA0043", "Reconnaissance"},
    {"mitre_resource_development", "TA0042", "Resource Development"},
    {"mitre_initial_access", "TA0001", "Initial Access"},
    {"mitre_execution", "TA0002", "Execution"},
    {"mitre_persistence", "TA0003", "Persistence"},
    {"mitre_privilege_escalation", "TA0004", "Privilege Escalation"},
    {"mitre_defense_evasion", "TA0005", "Defense Evasion"},
    {"mitre_credential_access", "TA0006", "Credential Access"},
    {"mitre_discovery", "TA0007", "Discovery"},
    {"mitre_lateral_movement", "TA0008", "Lateral Movement"},
    {"mitre_collection", "TA0009", "Collection"},
    {"mitre_exfiltration", "TA0010", "Exfiltration"},
    {"mitre_command_and_control", "TA0011", "Command and Control"},
    {"mitre_impact", "TA0040", "Impact"},
};

bool digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "T1059" or "T1059.004".
bool is_technique(std::string_view tag) {
  if (tag.size() != 5 && tag.size() != 9) return false;
  return tag[0] == 'T' && digits(tag.substr(1, 4)) && (tag.size() == 5 || (tag[5] == '.' && digits(tag.substr(6))));
}

// 4 or 6 of an address, 0 of anything else: a receiver may refuse the whole record for one that is none.
int address_version(std::string_view text) {
  std::array<unsigned char, 16> bytes{};
  const std::string name(text);
  if (name.size() != text.size() || text.contains('\0')) return 0;
  return inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ? 4 : inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1 ? 6 : 0;
}

std::optional<int> protocol_number(std::string_view transport) {
  if (transport == "tcp") return 6;
  if (transport == "udp") return 17;
  if (transport == "icmp") return 1;
  return std::nullopt;
}

Effect effect_of(std::string_view verdict) {
  if (verdict == "blocked") return Effect::kBlocked;
  if (verdict == "killed") return Effect::kKilled;
  if (verdict.empty()) return Effect::kNotice;
  return verdict.starts_with("would_") ? Effect::kObserved : Effect::kDetected;
}

// Of names that stand for none.
std::string_view unless_host(std::string_view text) { return text == "host" ? std::string_view() : text; }

std::string joined(const auto& texts, char separator) {
  std::string all;
  bool first = true;
  for (const auto& text : texts) {
    if (!first) all += separator;
    first = false;
    all += text;
  }
  return all;
}

}  // namespace

std::string_view product_version() { return SHRIKE_VERSION; }

const Severity& severity(std::uint8_t priority) { return kSeverities[std::min<std::size_t>(priority, kSeverities.size() - 1)]; }

std::string_view spelling(Category category) {
  static constexpr std::string_view kNames[] = {"process", "file", "network", "kernel", "engine"};
  return kNames[static_cast<std::size_t>(category)];
}

Details::Details(const act::Alert& of, const HostFacts& host)
    : alert(of),
      level(severity(of.priority)),
      effect(effect_of(of.verdict)),
      hostname(of.hostname.empty() ? std::string_view(host.name) : of.hostname),
      result(text("evt.res")) {
  const std::string_view type = text("evt.type");
  if (effect == Effect::kNotice || alert.source == "internal") {
    effect = Effect::kNotice;
    deed = kNotice;
  } else if (const auto* found = std::ranges::find(kDeeds, type, &Deed::type); found != std::end(kDeeds)) {
    deed = *found;
    if (deed.name == "file-read" && flag("evt.is_open_create").value_or(false)) deed = kCreate;
    if (deed.name == "file-read" && flag("evt.is_open_write").value_or(false)) deed = kWrite;
  } else {
    deed = {type, Category::kProcess, type.empty() ? std::string_view("event") : type, "info"};
  }
  if (refused() && alert.error_number != 0) result = "EPERM";
  read_tags();
  read_processes(host);
  read_file();
  read_network();
  read_container();
}

void Details::read_tags() {
  for (const std::string& tag : alert.tags) {
    if (is_technique(tag)) {
      if (std::ranges::find(techniques, tag) == techniques.end()) techniques.emplace_back(tag);
      continue;
    }
    const auto* found = std::ranges::find(kTactics, tag, &Tactic::tag);
    if (found != std::end(kTactics) && std::ranges::find(tactics, found) == tactics.end()) tactics.push_back(found);
  }
}

void Details::read_processes(const HostFacts& host) {
  process = {.pid = number("proc.pid"),
             .entity_id = {},
             .name = text("proc.name"),
             .path = text("proc.exepath"),
             .command_line = text("proc.cmdline"),
             .start_ns = number("proc.pid.ts")};
  parent = {.pid = number("proc.ppid"),
            .entity_id = {},
            .name = text("proc.pname"),
            .path = text("proc.pexepath"),
            .command_line = text("proc.pcmdline"),
            .start_ns = number("proc.ppid.ts")};
  for (Process* each : {&process, &parent}) {
    if (each->pid && *each->pid <= 0) each->pid = std::nullopt;
    if (!each->pid || !each->start_ns || *each->start_ns <= 0) continue;
    static constexpr std::int64_t kSecond = 1'000'000'000;
    each->entity_id =
        host.boot_id.substr(0, 8) + '-' + std::to_string(*each->pid) + '-' + std::to_string(*each->start_ns / kSecond);
  }
}

void Details::read_file() {
  if (deed.category == Category::kNetwork || deed.category == Category::kEngine) return;
  file.type = text("fd.type");
  if (deed.category == Category::kProcess) return;
  if (const std::string_view source = text("fs.path.source"); !source.empty()) {
    const std::string_view target = text("fs.path.target");
    const bool link = deed.name == "file-link";
    file.path = link ? source : target;
    (link ? file.target : file.old_path) = link ? target : source;
  } else {
    file.path = text("fd.name").empty() ? text("fs.path.name") : text("fd.name");
  }
  if (const std::size_t slash = file.path.rfind('/'); slash != std::string_view::npos) {
    file.directory = file.path.substr(0, std::max<std::size_t>(slash, 1));
    file.name = file.path.substr(slash + 1);
  } else {
    file.name = file.path;
  }
}

void Details::read_network() {
  if (deed.category != Category::kNetwork) return;
  const auto address = [&](std::string_view field) {
    const std::string_view found = text(field);
    const int version = address_version(found);
    if (version != 0) network.version = version;
    return version == 0 ? std::string_view() : found;
  };
  const auto port = [&](std::string_view field) {
    const std::optional<std::int64_t> found = number(field);
    return found && *found >= 0 && *found <= std::numeric_limits<std::uint16_t>::max() ? found : std::nullopt;
  };
  network.source = address("fd.cip");
  network.destination = address("fd.sip");
  network.source_port = port("fd.cport");
  network.destination_port = port("fd.sport");
  network.transport = text("fd.l4proto");
  network.protocol = protocol_number(network.transport);
  if (deed.name == "connect") {
    network.outbound = true;
  } else if (deed.name == "accept" || deed.name == "bind" || deed.name == "listen") {
    network.outbound = false;
  } else if (const std::optional<bool> server = flag("fd.is_server"); server && network.known()) {
    network.outbound = !*server;
  }
}

void Details::read_container() {
  container_id = unless_host(text("container.full_id").empty() ? text("container.id") : text("container.full_id"));
  if (container_id.empty()) return;
  container_name = unless_host(text("container.name"));
  image = text("container.image.repository");
  image_tag = text("container.image.tag");
  namespace_name = text("k8s.ns.name");
  pod = text("k8s.pod.name");
}

std::string Details::image_name() const {
  return image.empty() || image_tag.empty() ? std::string(image) : std::string(image) + ':' + std::string(image_tag);
}

std::string Details::pod_name() const {
  return pod.empty() || namespace_name.empty() ? std::string(pod) : std::string(namespace_name) + '/' + std::string(pod);
}

std::string_view Details::action() const {
  static constexpr std::string_view kNames[] = {"", "detected", "observed", "blocked", "killed"};
  return kNames[static_cast<std::size_t>(effect)];
}

std::string_view Details::outcome() const {
  if (refused()) return "failure";
  // Of a connect that goes on without its caller nobody knows yet.
  return result.empty() || result == "EINPROGRESS" ? "unknown" : result == "SUCCESS" ? "success" : "failure";
}

std::string Details::joined_techniques() const { return joined(techniques, ','); }
std::string Details::joined_tags() const { return joined(alert.tags, ','); }

const act::FieldValue* Details::find(std::string_view field) const {
  using Pair = std::pair<std::string, act::FieldValue>;
  const auto fact = std::ranges::lower_bound(alert.facts, field, {}, &Pair::first);
  if (fact != alert.facts.end() && fact->first == field) return &fact->second;
  const auto shown = std::ranges::find(alert.fields, field, &Pair::first);
  return shown == alert.fields.end() ? nullptr : &shown->second;
}

std::string_view Details::text(std::string_view field) const {
  const act::FieldValue* found = find(field);
  const auto* text = found == nullptr ? nullptr : std::get_if<std::string>(found);
  return text == nullptr ? std::string_view() : *text;
}

std::optional<std::int64_t> Details::number(std::string_view field) const {
  const act::FieldValue* found = find(field);
  if (found == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<std::int64_t>(found)) return *number;
  const auto* natural = std::get_if<std::uint64_t>(found);
  if (natural == nullptr || *natural > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) return std::nullopt;
  return static_cast<std::int64_t>(*natural);
}

std::string Details::id(std::string_view field) const {
  const std::optional<std::int64_t> found = number(field);
  return found ? std::to_string(*found) : std::string(text(field));
}

std::optional<bool> Details::flag(std::string_view field) const {
  const act::FieldValue* found = find(field);
  const auto* flag = found == nullptr ? nullptr : std::get_if<bool>(found);
  return flag == nullptr ? std::nullopt : std::optional(*flag);
}

std::span<const std::string> Details::list(std::string_view field) const {
  const act::FieldValue* found = find(field);
  const auto* texts = found == nullptr ? nullptr : std::get_if<std::vector<std::string>>(found);
  return texts == nullptr ? std::span<const std::string>() : *texts;
}

std::vector<std::pair<std::string, const act::FieldValue*>> unique_fields(const act::Alert& alert,
                                                                          std::string (*spell)(std::string_view name)) {
  std::vector<std::pair<std::string, const act::FieldValue*>> all;
  all.reserve(alert.fields.size());
  for (const auto& [name, value] : alert.fields) {
    if (std::holds_alternative<std::monostate>(value)) continue;
    std::string key = spell(name);
    while (key.empty() || std::ranges::find(all, key, &std::pair<std::string, const act::FieldValue*>::first) != all.end())
      key += '_';
    all.emplace_back(std::move(key), &value);
  }
  return all;
}

std::string underscored(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')) c = '_';
  }
  if (!out.empty() && out[0] >= '0' && out[0] <= '9') out.insert(out.begin(), '_');
  return out;
}

std::optional<std::string> field_text(const act::FieldValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* number = std::get_if<std::uint64_t>(&value)) return std::to_string(*number);
  if (const auto* number = std::get_if<double>(&value)) return event::to_text(event::Value(*number));
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) return joined(*texts, ' ');
  return std::nullopt;
}

}  // namespace shrike::outputs
