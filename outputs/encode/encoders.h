// SPDX-License-Identifier: Apache-2.0
// The encodings one by one; make_encoder chooses. One file each.
#pragma once

#include <memory>

#include "outputs/encode/encoder.h"

namespace shrike::outputs {

std::unique_ptr<Encoder> make_ecs(HostFacts host);
std::unique_ptr<Encoder> make_ocsf(const EncoderOptions& options, HostFacts host);
std::unique_ptr<Encoder> make_cef(HostFacts host);
std::unique_ptr<Encoder> make_leef(HostFacts host);
std::unique_ptr<Encoder> make_rfc5424(const EncoderOptions& options, HostFacts host);
std::unique_ptr<Encoder> make_splunk(const EncoderOptions& options, HostFacts host);
std::unique_ptr<Encoder> make_cloudevents(const EncoderOptions& options, HostFacts host);
std::unique_ptr<Encoder> make_otlp(HostFacts host);
std::unique_ptr<Encoder> make_loki(const EncoderOptions& options, HostFacts host);
std::unique_ptr<Encoder> make_alertmanager(HostFacts host);

}  // namespace shrike::outputs
