/**
 * The taxonomy of faults: what LLM providers have been seen to do wrong, by group, in its order: 157 rows, of which two
 * have two names each, a ramp and a step. A row of the catalogue is named after the fault that it plays; where one fault
 * has several faces, a row adds its own: `rl.retry_after.date`.
 */
const GROUPS: Readonly<Record<string, string>> = {
  net: 'refused blackhole dns_fail reset_before_headers reset_mid_body empty_reply garbage incomplete_chunked length_mismatch keepalive_race h2_goaway h2_rst bandwidth slice slow_close tls encoding',
  http: '5xx 529_overloaded slow_error html_error empty_body_error 200_with_error masked_status nested_error 413 408_409_425 redirect wrong_content_type header_anomaly',
  rl: 'rpm tpm_reserved itpm_otpm concurrency daily_free monthly_quota_as_429 acceleration retry_after reset_in_body_only phantom stale_headers shared_org_bucket region_bucket 402_soft as_200_stream_error',
  lat: 'distribution spike ramp step load_factor prefill queue cold_start reasoning_silence header_delay cache_hit_bimodal client_slow_reader',
  sse: 'cut stall keepalive_only error_event first_frame_then_error error_before_any missing_done missing_finish empty_choices utf8_split line_split duplicate_frame reorder malformed_frame trickle burst spliced_failover client_disconnect stream_ignored giant_frame',
  body: 'empty_completion missing_choices bad_finish_reason reasoning_misplaced content_array invalid_json wrong_model_echo duplicate_id',
  tool: 'truncated_args empty_args index_collision markup_leak unknown_name malformed_finish wrong_types runaway',
  json: 'fenced schema_ignored cut_by_length',
  ctx: 'overflow fallback_smaller catalogue_lies',
  cap: 'unsupported_param',
  auth: 'key_revoked token_expiry permission_403 odd_status',
  bill: '402_account 402_affordable credit_as_400 spend_cap',
  policy: 'prompt_400 stream_filter refusal gemini_no_content moderation_403 false_positive',
  model: 'retired deprecated alias_shift masked_served region_gone unknown_price',
  usage:
    'missing zero_or_negative cumulative_as_delta cached_double cache_excluded reasoning_hidden lost_on_cut tokenizer_drift',
  cost: 'price_change billed_empty billed_after_cancel double_on_replay runaway cache_lost_on_switch',
  quality: 'repetition wrong_script misroute_sticky quantised stub short_stop cross_talk prompted_failure',
  pattern:
    'window flap ramp step markov diurnal brownout gray_replica shared_cdn shared_cloud shared_egress half_open_relapse recovery_herd retry_feedback status_lies maintenance clock_skew',
}

export const TAXONOMY: readonly string[] = Object.entries(GROUPS).flatMap(([group, names]) =>
  names.split(' ').map((name) => `${group}.${name}`),
)
