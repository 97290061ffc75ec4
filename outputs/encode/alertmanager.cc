// SPDX-License-Identifier: Apache-2.0
// One alert of Alertmanager's API v2 (formats.md 1.12). Alertmanager takes alerts with the same labels for the same alert: what
// tells rule, host, container and verdict apart is a label, all else an annotation.
#include <utility>

#include "outputs/encode/details.h"
#include "outputs/encode/encoders.h"
#include "outputs/encode/json_writer.h"
#include "outputs/encode/text.h"

namespace shrike::outputs {
namespace {

class AlertmanagerEncoder final : public Encoder {
 public:
  explicit AlertmanagerEncoder(HostFacts host) : host_(std::move(host)) {}

  std::string encode(const act::Alert& alert) const override {
    static constexpr std::size_t kNanoseconds = 9;
    const Details of(alert, host_);
    JsonWriter json;
    json.object("labels");
    json.text("alertname", alert.rule.empty() ? "shrike" : alert.rule);
    json.text("severity", of.level.alertmanager);
    json.text("priority", of.level.priority);
    json.text("source", alert.source);
    json.text("instance", of.hostname);
    json.text("container_id", of.container_id);
    json.text("verdict", alert.verdict);
    json.end();
    json.object("annotations");
    json.text("id", alert.id);
    json.text("description", alert.message);
    json.text("container_name", of.container_name);
    json.text("pod", of.pod_name());
    json.text("mitre_technique", of.joined_techniques());
    json.text("tags", of.joined_tags());
    for (const auto& [key, value] : unique_fields(alert, [](std::string_view name) { return "field_" + underscored(name); }))
      json.value_text(key, *field_text(*value));
    json.end();
    json.text("startsAt", utc_text(alert.time_ns, kNanoseconds));
    return json.finish();
  }

 private:
  HostFacts host_;
};

}  // namespace

std::unique_ptr<Encoder> make_alertmanager(HostFacts host) { return std::make_unique<AlertmanagerEncoder>(std::move(host)); }

}  // namespace shrike::outputs
