/** The files that `squall init` writes: one small story that passes, with a word on everything in it, and a workflow. */

export const EXAMPLE_SCENARIO = `# yaml-language-server: $schema=schemas/scenario.schema.json
# A scenario is a story: who asks what (workload), what goes wrong (timeline), and what must hold all the same (gates).
# Play it:   squall run scenarios/first-outage.yaml
# Watch it:  squall run scenarios/first-outage.yaml --pace 10x
# For real:  squall run scenarios/first-outage.yaml --clock live --speed 3

name: first-outage # names the folder of its reports
summary: The cheaper provider goes dark for half a minute; chat must not notice.
seed: 1 # the same seed gives the same run, to the last byte
duration: 2m # how long requests keep arriving

fleet: fleets/two-providers.yaml # the endpoints there are, and how they behave
policies: { chat: policies/first-policy.yaml } # how requests are routed

workload:
  - workflow: support-chat
    policy: chat
    arrivals: { kind: poisson, rate: 10/s } # squall list arrivals
    mix: short-chat # squall list mixes
    stream: 80% # the share of requests that stream

# Results are told for each window, and gates can look at one alone.
windows: { warm-up: 0s..30s, storm: 30s..60s, recovery: 60s..120s }

# What goes wrong, and when: squall list faults
timeline:
  - { at: 30s, for: 30s, on: { provider: openai }, fault: outage, mode: refuse }

# What must hold: squall list metrics. A gate without evidence is inconclusive, never a pass.
gates:
  - { id: success, metric: success_rate, where: { window: storm }, assert: ">= 99%" }
  - { id: recovery, metric: time_to_recover, assert: "< 20s" }
  - { id: drift, metric: cost_drift, where: { window: storm }, assert: "<= 150%" }
`

export const EXAMPLE_FLEET = `# yaml-language-server: $schema=../schemas/fleet.schema.json
# The mock endpoints. Prices are USD per million tokens; latency is time to first token, then tokens per second.
name: two-providers
summary: One model at two providers, the second a little slower and dearer.
endpoints:
  - provider: openai
    model: openai/gpt-5-mini
    price: { input: 0.25, output: 2 }
    context_length: 272000
    latency: { ttft_p50: 340ms, ttft_p95: 860ms, tokens_per_second: 120 }
  - provider: azure
    model: openai/gpt-5-mini
    price: { input: 0.275, output: 2.2 }
    context_length: 272000
    latency: { ttft_p50: 420ms, ttft_p95: 1100ms, tokens_per_second: 100 }
`

export const EXAMPLE_POLICY = `# yaml-language-server: $schema=../schemas/policy.schema.json
# The first half is OpenRouter's own request fields, to be pasted from or into an application.
name: first-policy
summary: The cheaper provider first, the other when it fails.
models: [openai/gpt-5-mini]
provider:
  order: [openai, azure]
# The second half says what to do when things fail. Without it the router does what OpenRouter does.
resilience:
  timeouts: { connect: 2s, first_token: 4s, idle: 5s, total: 45s }
  breaker: { consecutive: 5, open_for: 10s }
`

export const GITHUB_WORKFLOW = `# Plays every scenario on every pull request, and stops it when a gate fails.
# What failed stands beside the scenario in the diff and in the summary of the step; whole reports are in the artifacts.
name: squall

on:
  pull_request:
  push:
    branches: [main]

permissions:
  contents: read

concurrency:
  group: squall-\${{ github.ref }}
  cancel-in-progress: true

jobs:
  gate:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    steps:
      - uses: actions/checkout@v5
      - uses: actions/setup-node@v5
        with:
          node-version: 24
          cache: npm
      - run: npm ci

      # Exit code 2: a file is not valid. --no: never a package of the same name from elsewhere.
      - name: Check the files
        run: npx --no -- squall validate

      # Exit code 1: a gate failed. 3: no evidence, which is never a pass.
      - name: Play the scenarios
        run: npx --no -- squall run --out reports

      - name: Keep the reports
        if: \${{ !cancelled() }}
        uses: actions/upload-artifact@v4
        with:
          name: squall-reports
          path: reports/
          if-no-files-found: ignore
          retention-days: 14

  # One scenario over 40 seeds, on four machines, judged as one: a verdict on the policy and not on one storm. To have it,
  # take the "# " off the lines below, and name your scenario in SCENARIO.
  # storms:
  #   needs: gate
  #   runs-on: ubuntu-latest
  #   timeout-minutes: 15
  #   strategy:
  #     fail-fast: false
  #     matrix:
  #       shard: [1, 2, 3, 4]
  #   env:
  #     SCENARIO: scenarios/first-outage.yaml
  #   steps:
  #     - uses: actions/checkout@v5
  #     - uses: actions/setup-node@v5
  #       with:
  #         node-version: 24
  #         cache: npm
  #     - run: npm ci
  #     - run: npx --no -- squall run $SCENARIO --seeds 40 --shard \${{ matrix.shard }}/4 --out shards
  #     - if: \${{ !cancelled() }}
  #       uses: actions/upload-artifact@v4
  #       with:
  #         name: squall-shard-\${{ matrix.shard }}
  #         path: shards/
  # verdict:
  #   needs: storms
  #   if: \${{ !cancelled() }}
  #   runs-on: ubuntu-latest
  #   timeout-minutes: 15
  #   steps:
  #     - uses: actions/checkout@v5
  #     - uses: actions/setup-node@v5
  #       with:
  #         node-version: 24
  #         cache: npm
  #     - run: npm ci
  #     - uses: actions/download-artifact@v5
  #       with:
  #         pattern: squall-shard-*
  #         path: shards
  #         merge-multiple: true
  #     - run: npx --no -- squall merge shards/* --out reports
  #     - if: \${{ !cancelled() }}
  #       uses: actions/upload-artifact@v4
  #       with:
  #         name: squall-storms
  #         path: reports/
`
