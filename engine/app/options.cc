// SPDX-License-Identifier: Apache-2.0
#include "engine/app/options.h"

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdlib>

namespace shrike::app {
namespace {

void add_format(CLI::App* verb, Options& options, std::vector<std::string> formats) {
  verb->add_option("--format", options.format, "How to print")->check(CLI::IsMember(std::move(formats)))->capture_default_str();
}

void add_control_socket(CLI::App* verb, Options& options) {
  verb->add_option("--control-socket", options.control_socket,
                   "The daemon's control socket (default: /run/shrike/shrike.sock); run: \"\" for none");
}

void add_run(CLI::App& app, Options& options) {
  CLI::App* run = app.add_subcommand("run", "Watch this host: capture events, evaluate rules, emit alerts. In the foreground");
  run->add_option("--config", options.config, "Configuration file (YAML)");
  run->add_option("--rules", options.rules,
                  "Rule file, or a directory that stands for its *.yaml in name order; repeat for more");
  run->add_option("--mode", options.mode, "What block and kill rules may do: nothing, report, refuse")
      ->check(CLI::IsMember({"detect", "monitor", "enforce"}))
      ->capture_default_str();
  run->add_flag("--require-enforcement", options.require_enforcement, "Exit 1 if a block or kill rule can't be enforced here");
  add_format(run, options, {"text", "json"});
  run->add_option("--duration", options.duration_s, "Stop after so many seconds, counted from ready")
      ->check(CLI::Range(0.001, 1e9))
      ->check([](const std::string& text) {
        return std::isnan(std::strtod(text.c_str(), nullptr)) ? "not a number" : std::string();
      });
  run->add_option("--summary", "Counters at exit as JSON")
      ->check(CLI::IsMember({"json", "text"}))
      ->each([&](const std::string& value) { options.summary_json = value == "json"; });
  run->add_option(
      "--record", options.record,
      "Write every field the rules name, of every event they are asked about, into a new event file for `shrike replay`");
  add_control_socket(run, options);
  run->footer(
      "SIGHUP reads the rules again (a bad file leaves the old ones in force), SIGTERM drains and stops.\n"
      "Example:\n  shrike run --rules rules --format json --duration 60");
  run->callback([&options, run] {
    options.verb = Verb::kRun;
    options.format_given = run->count("--format") > 0;
    options.mode_given = run->count("--mode") > 0;
  });
}

void add_show(CLI::App& rules, Options& options) {
  CLI::App* show = rules.add_subcommand("show", "Rules as they stand after append, override, lists, macros and exceptions");
  show->add_option("files", options.rules, "Rule files or directories, one set in the order given")->required();
  show->add_option("--rule", options.rule, "The rule of this name alone; exit 1 if there is none");
  show->add_flag("--compiled", options.compiled, "Print the condition's normal form too, with lists, macros and exceptions in");
  add_format(show, options, {"text", "json"});
  show->footer("Example:\n  shrike rules show --compiled --rule 'Execution below /dev/shm' rules/");
  show->callback([&options] { options.verb = Verb::kRulesShow; });
}

void add_rules(CLI::App& app, Options& options) {
  CLI::App* rules = app.add_subcommand("rules", "Work on rule files; needs no kernel and no root");
  rules->require_subcommand(1);

  CLI::App* check = rules->add_subcommand("check", "Validate rule files; exit 1 if they are not valid");
  check->add_option("files", options.rules, "Rule files or directories, one set in the order given")->required();
  add_format(check, options, {"text", "json"});
  check->footer("Example:\n  shrike rules check rules/");
  check->callback([&options] { options.verb = Verb::kRulesCheck; });

  CLI::App* list = rules->add_subcommand("list", "Name, priority, enabled, action, mode and events of every rule, one line each");
  list->add_option("files", options.rules, "Rule files or directories, one set in the order given")->required();
  add_format(list, options, {"text", "json"});
  list->footer("Example:\n  shrike rules list rules/");
  list->callback([&options] { options.verb = Verb::kRulesList; });

  CLI::App* plan = rules->add_subcommand(
      "plan", "Per rule: what the kernel decides on a host in mode enforce, what remains for the engine, programs to attach");
  plan->add_option("files", options.rules, "Rule files or directories, one set in the order given")->required();
  plan->add_option("--tier", options.tier, "What the host offers: full (BPF LSM), tracing")
      ->check(CLI::IsMember({"full", "tracing"}))
      ->capture_default_str();
  add_format(plan, options, {"text", "json"});
  plan->footer("Example:\n  shrike rules plan --tier tracing rules/");
  plan->callback([&options] { options.verb = Verb::kRulesPlan; });
  add_show(*rules, options);
}

void add_condition(CLI::App& app, Options& options) {
  CLI::App* condition = app.add_subcommand("condition", "Work on a condition by itself; needs no rule file");
  condition->require_subcommand(1);
  CLI::App* check = condition->add_subcommand(
      "check",
      "Validate a condition without definitions: a name that is no field is an undefined macro; exit 1 if it is not valid");
  CLI::Option* expression = check->add_option("expression", options.expression, "The condition");
  CLI::Option* batch = check->add_option("--batch", options.batch,
                                         "A file instead: a JSON array of conditions; prints a JSON array of answers, exit 0");
  batch->excludes(expression);
  check->add_flag("--syntax-only", options.syntax_only, "The grammar alone: no fields, macros, types, regexes");
  check->footer("Example:\n  shrike condition check 'evt.type = execve and proc.name in (nc, ncat)'");
  check->callback([&options, expression, batch] {
    if (expression->count() + batch->count() == 0) throw CLI::RequiredError("expression or --batch");
    options.verb = Verb::kConditionCheck;
  });
}

void add_replay(CLI::App& app, Options& options) {
  CLI::App* replay = app.add_subcommand("replay", "Evaluate recorded events; needs no kernel and no root");
  replay
      ->add_option("--rules", options.rules,
                   "Rule file, or a directory that stands for its *.yaml in name order; repeat for more")
      ->required();
  replay->add_option("--events", options.events, "Event file: JSON lines, one event each; - is standard input")->required();
  replay->add_option("--matching", options.matching, "Which of the rules that hold alert (default: first)")
      ->check(CLI::IsMember({"first", "all"}));
  replay->add_option("--config", options.config, "Configuration file: rules' priority and selection, and how alerts are printed");
  add_format(replay, options, {"text", "json"});
  replay->footer(
      "Alerts go to standard output, one per line. Example:\n"
      "  echo '{\"evt.type\": \"execve\", \"proc.exepath\": \"/dev/shm/x\"}' | shrike replay --rules rules --events -");
  replay->callback([&options, replay] {
    options.verb = Verb::kReplay;
    options.format_given = replay->count("--format") > 0;
  });
}

void add_test(CLI::App& app, Options& options) {
  CLI::App* test =
      app.add_subcommand("test", "Run rule tests: events in, alerts out; needs no kernel and no root; exit 1 on failure");
  test->add_option("suites", options.suites, "Test suites (YAML), or directories that stand for their *.yaml in name order")
      ->required();
  add_format(test, options, {"text", "json"});
  test->footer("What a suite looks like: docs/testing_rules.md. Example:\n  shrike test rules/tests");
  test->callback([&options] { options.verb = Verb::kTest; });
}

void add_outputs(CLI::App& app, Options& options) {
  CLI::App* outputs = app.add_subcommand("outputs", "Alerts on their way: what waits in spools, and dead letters");
  outputs->require_subcommand(1);
  static constexpr const char* kDirectories = "Directories of spools, or one above several (default: /var/lib/shrike/spool)";

  CLI::App* list = outputs->add_subcommand("list", "What each spool holds; changes nothing, also while a daemon uses it");
  list->add_option("directories", options.spools, kDirectories);
  add_format(list, options, {"text", "json"});
  list->footer("Example:\n  shrike outputs list /var/lib/shrike/spool");
  list->callback([&options] { options.verb = Verb::kOutputsList; });

  CLI::App* replay = outputs->add_subcommand(
      "replay", "Put dead letters back into their spools, to be delivered by the next daemon; exit 3 while one uses them");
  replay->add_option("directories", options.spools, kDirectories);
  add_format(replay, options, {"text", "json"});
  replay->footer("Example:\n  shrike outputs replay /var/lib/shrike/spool/siem");
  replay->callback([&options] { options.verb = Verb::kOutputsReplay; });
}

void add_catalogue(CLI::App& app, Options& options) {
  CLI::App* fields = app.add_subcommand("fields", "Every field a rule may name: type, meaning, where it comes from");
  add_format(fields, options, {"text", "json", "markdown"});
  fields->add_flag("--all", options.all, "In text, list the hidden ones too; the other formats always do");
  fields->footer("Example:\n  shrike fields | grep ^fd\\\\.");
  fields->callback([&options] { options.verb = Verb::kFields; });

  CLI::App* events = app.add_subcommand("events", "Every event evt.type knows: its parameters, and whether it is captured");
  add_format(events, options, {"text", "json", "markdown"});
  events->footer("Example:\n  shrike events | grep ^open");
  events->callback([&options] { options.verb = Verb::kEvents; });

  CLI::App* schema = app.add_subcommand(
      "schema", "JSON schema (draft-07) of rule files, test suites, event files or configurations, for editors");
  schema->add_option("of,--of", options.schema, "Of what: of event files the schema of one line")
      ->check(CLI::IsMember({"rules", "suite", "events", "config"}))
      ->capture_default_str();
  schema->footer("Example:\n  shrike schema > rules.schema.json");
  schema->callback([&options] { options.verb = Verb::kSchema; });
}

CLI::App* add_talk(CLI::App& app, Options& options, Verb verb, const char* name, const char* does) {
  CLI::App* talk = app.add_subcommand(name, does);
  add_control_socket(talk, options);
  talk->callback([&options, verb] { options.verb = verb; });
  return talk;
}

// The verbs that talk to a running daemon.
void add_talks(CLI::App& app, Options& options) {
  CLI::App* status =
      add_talk(app, options, Verb::kStatus, "status", "How the running daemon is: mode, rules, counters, losses, sinks");
  add_format(status, options, {"text", "json"});
  status->footer("Exit 3 if no daemon can be reached. Example:\n  shrike status --format json | jq .lost");

  CLI::App* tail = add_talk(app, options, Verb::kTail, "tail", "Show the running daemon's alerts as they come");
  tail->add_option("--condition", options.condition,
                   "Only alerts for which this holds: the rule language, over the fields the alert carries");
  tail->add_option("--priority", options.priority, "Only alerts at least as urgent: emergency, alert, … debug");
  add_format(tail, options, {"text", "json"});
  tail->footer(
      "A reader that is too slow loses alerts, and is told how many. Example:\n"
      "  shrike tail --priority warning --condition 'proc.name in (sh, bash)'");

  CLI::App* top =
      add_talk(app, options, Verb::kTop, "top", "Watch the running daemon: rules by alerts, hooks by events, losses, sinks");
  top->add_flag("--once", options.once, "Measure for a second, print one table and end");
  top->footer("Example:\n  shrike top --once");

  CLI::App* reload = add_talk(app, options, Verb::kReload, "reload",
                              "Have the running daemon read its rules again; exit 1 if they are not valid: the old ones stay");
  add_format(reload, options, {"text", "json"});
  reload->footer("Example:\n  shrike reload");

  CLI::App* mode = add_talk(app, options, Verb::kMode, "mode", "Set what block and kill rules may do: nothing, report, refuse");
  mode->add_option("mode", options.mode, "detect, monitor or enforce")
      ->required()
      ->check(CLI::IsMember({"detect", "monitor", "enforce"}));
  mode->add_option("--confirm-within", options.confirm_within_s,
                   "enforce: back to monitor after so many seconds, unless `shrike confirm` comes first")
      ->check(CLI::Range(1.0, 86'400.0));
  mode->footer(
      "It lasts until the daemon ends. Example:\n  shrike mode enforce --confirm-within 120 && ssh localhost true && shrike "
      "confirm");

  add_talk(app, options, Verb::kConfirm, "confirm", "Keep the mode that `shrike mode enforce --confirm-within` set")
      ->footer("Example:\n  shrike confirm");
  add_talk(app, options, Verb::kRollback, "rollback", "Refuse nothing any more: mode monitor, at once")
      ->footer("Example:\n  shrike rollback");
}

void add_config(CLI::App& app, Options& options) {
  CLI::App* config = app.add_subcommand("config", "Work on the configuration; needs no kernel and no root");
  config->require_subcommand(1);
  const auto add_file = [&](CLI::App* verb) {
    verb->add_option_function<std::string>("--config", [&](const std::string& path) { options.config = path; })
        ->description("Configuration file (default: /etc/shrike/shrike.yaml)")
        ->type_name("TEXT");
  };
  const auto finish = [&options](Verb verb) {
    return [&options, verb] {
      options.verb = verb;
      if (options.config.empty()) options.config = "/etc/shrike/shrike.yaml";
    };
  };
  CLI::App* check = config->add_subcommand("check", "Validate it, and what it names on this host; exit 1 if something is wrong");
  add_file(check);
  add_format(check, options, {"text", "json"});
  check->footer("Example:\n  shrike config check --config deploy/shrike.yaml");
  check->callback(finish(Verb::kConfigCheck));

  CLI::App* show = config->add_subcommand("show", "What is in effect: files merged, variables in, defaults; secrets as ***");
  add_file(show);
  add_format(show, options, {"text", "json"});
  show->footer("Text is YAML. Example:\n  shrike config show --config deploy/shrike.yaml");
  show->callback(finish(Verb::kConfigShow));

  CLI::App* keys = config->add_subcommand("keys", "Every key: values, default, meaning");
  add_format(keys, options, {"text", "json", "markdown", "yaml"});
  keys->footer("Example:\n  shrike config keys | grep spool");
  keys->callback([&options] { options.verb = Verb::kConfigKeys; });
}

}  // namespace

std::expected<Options, int> parse_options(int argc, char** argv) {
  Options options;
  CLI::App app("Shrike: runtime security for Linux, with Falco's rule language", "shrike");
  app.require_subcommand(1);
  app.set_version_flag("--version", "shrike " SHRIKE_VERSION);
  add_run(app, options);
  add_rules(app, options);
  add_condition(app, options);
  add_replay(app, options);
  add_test(app, options);
  add_outputs(app, options);

  add_config(app, options);
  add_catalogue(app, options);

  CLI::App* doctor = app.add_subcommand("doctor", "What this host offers, what is missing and how to get it");
  add_format(doctor, options, {"text", "json"});
  doctor->footer("Example:\n  shrike doctor");
  doctor->callback([&options] { options.verb = Verb::kDoctor; });

  add_talks(app, options);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    const int code = app.exit(problem);
    return std::unexpected(code == 0 ? kDone : kUsage);
  }
  return options;
}

}  // namespace shrike::app
