// SPDX-License-Identifier: Apache-2.0
// Destinations over HTTP: webhooks and the APIs of log stores.
#pragma once

#include <memory>

#include "engine/base/result.h"
#include "outputs/destination.h"
#include "outputs/options.h"

namespace shrike::outputs {

// Nothing is connected to yet. Errors: kInvalid (URL, template, header, signing secret), kSystem (libcurl).
Result<std::unique_ptr<Destination>> make_http(HttpOptions options);

}  // namespace shrike::outputs
