// SPDX-License-Identifier: Apache-2.0
// Kafka: one record per message, by an idempotent producer that waits for all in-sync replicas. A message is delivered when its
// delivery report says that it is persisted, and not before.
#pragma once

#include <memory>

#include "engine/base/result.h"
#include "outputs/destination.h"
#include "outputs/options.h"

namespace shrike::outputs {

// Errors: kInvalid what librdkafka does not know or take (the message names the property, never a secret), kUnsupported, kSystem
// for a file that can't be read.
Result<std::unique_ptr<Destination>> make_kafka(KafkaOptions options);

}  // namespace shrike::outputs
