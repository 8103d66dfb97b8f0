/**
 * Nobody may serve a request: what the caller is told, in OpenRouter's words (openrouter.md §3.6), with the step of the
 * funnel that failed (§3.7) and what §3.8 says of it. Made for calls that fail, from the rows of their funnel.
 */
import { at } from '../base/index.ts'
import type { FunnelStep } from '../ledger/index.ts'
import {
  AVAILABILITY,
  isFreeModel,
  type AvailabilityCode,
  type ExcludedBy,
  type FailureDetail,
  type Offer,
  type ChatRequest,
} from '../protocol/index.ts'
import type { Cause, Removal } from './eligibility.ts'
import type { Intent } from './resolve.ts'
import type { Terms } from './terms.ts'

export interface NoEndpoint {
  /** 404, or 503 by choice; 403 for what is kept for harnesses, 400 for a model that nobody knows. */
  readonly status: number
  readonly message: string
  readonly detail: FailureDetail
}

/** A plan with nobody in it, and what it was made for. */
export interface EmptyPlan {
  readonly intent: Intent
  readonly request: ChatRequest
  /** To the row that ends at 0. */
  readonly funnel: readonly FunnelStep[]
  readonly removals: readonly Removal[]
}

/** What a cause is in the published vocabulary, and the field of the request that a constraint is about. */
interface Published {
  readonly excludedBy?: ExcludedBy
  readonly field?: string
}

const PUBLISHED: Readonly<Partial<Record<Cause, Published>>> = {
  data_collection: { excludedBy: 'data_policy:training' },
  training: { excludedBy: 'data_policy:training' },
  zdr: { excludedBy: 'data_policy:zdr' },
  data_region: { excludedBy: 'data_region' },
  only: { excludedBy: 'allowed_providers', field: 'only' },
  allowed_providers: { excludedBy: 'allowed_providers', field: 'allowed_providers' },
  ignore: { excludedBy: 'allowed_providers', field: 'ignore' },
  context_length: { excludedBy: 'context_length', field: 'context_length' },
  parameters: { excludedBy: 'require_parameters', field: 'require_parameters' },
  max_price: { excludedBy: 'max_price', field: 'max_price' },
  quantization: { excludedBy: 'quantization', field: 'quantizations' },
}

const LEARN_MORE =
  'To learn more about provider routing, visit: https://openrouter.ai/docs/guides/routing/provider-selection'

export function noEndpoint(plan: EmptyPlan, terms: Terms): NoEndpoint {
  const { intent, funnel, removals } = plan
  const models = intent.wishes.map(({ model }) => model)
  if (!isKnown(models, terms)) {
    const { status } = AVAILABILITY.model_not_found
    return {
      status,
      message: `${at(models, 0)} is not a valid model ID`,
      detail: { availability: { code: 'model_not_found' } },
    }
  }
  const failed = at(funnel, funnel.length - 1)
  const last = removals.at(-1)
  const cause = last?.step === failed.step ? last.cause : null
  const code = codeOf(cause)
  const excludedBy = [...new Set(removals.flatMap((removal) => PUBLISHED[removal.cause]?.excludedBy ?? []))]
  const field = code === 'constraint_filtered' && cause !== null ? PUBLISHED[cause]?.field : undefined
  const affected = [...new Set(failed.removed.map((endpoint) => at(terms.offers, endpoint).provider))]
  const permitted = cause === null ? null : permittedBy(cause, intent, terms)
  if (cause === 'context_length' && terms.choices.too_long === 'recorded') return tooLong(plan, failed, terms)
  return {
    status: cause === 'harness' ? 403 : terms.choices.no_endpoint_status,
    message: messageOf(cause, plan, terms),
    detail: {
      funnel,
      failedStep: failed.step,
      ...(cause === 'harness' && { errorType: 'permission_denied' as const }),
      ...(permitted && { availableProviders: servers(intent, terms), requestedProviders: permitted }),
      availability: code && {
        code,
        affectedProviders: affected,
        ...(excludedBy.length > 0 && { excludedBy }),
        ...(field !== undefined && { constraint: { field, detail: removedBy(failed, terms) } }),
      },
    },
  }
}

/** As it was recorded before `error.availability` was announced (Kilo-Org/cloud#2671, editor-code-assistant/eca#380). */
function tooLong({ request, funnel }: EmptyPlan, failed: FunnelStep, { offers }: Terms): NoEndpoint {
  const { inputTokens, maxTokens } = request
  const longest = Math.max(...failed.removed.map((endpoint) => at(offers, endpoint).contextLength))
  const output = maxTokens === null ? '' : `, ${maxTokens} in the output`
  return {
    status: 400,
    message: `This endpoint's maximum context length is ${longest} tokens. However, you requested about ${inputTokens + (maxTokens ?? 0)} tokens (${inputTokens} of text input${output}). Please reduce the length of either one, or use the context-compression plugin to compress your prompt automatically.`,
    detail: {
      funnel,
      failedStep: failed.step,
      errorType: 'context_length_exceeded',
      availability: null,
      metadata: { provider_name: null },
    },
  }
}

function isKnown(models: readonly string[], { offers, gateway }: Terms): boolean {
  return models.some((model) => model in gateway.models || offers.some((offer) => offer.model === model))
}

/** null: there is no code for what is kept for others. */
function codeOf(cause: Cause | null): AvailabilityCode | null {
  switch (cause) {
    case 'harness':
      return null
    case 'data_collection':
    case 'training':
    case 'zdr':
    case 'data_region':
      return 'privacy_restricted'
    default:
      return cause !== null && PUBLISHED[cause] ? 'constraint_filtered' : 'no_endpoints'
  }
}

function messageOf(cause: Cause | null, plan: EmptyPlan, terms: Terms): string {
  const { intent, request, funnel } = plan
  const failed = at(funnel, funnel.length - 1)
  const [removed] = failed.removed.map((endpoint) => at(terms.offers, endpoint))
  if (failed.step === 'Filter by Guardrails') return guardrailMessage(plan)
  switch (cause) {
    case 'harness':
      return `${removed?.model ?? modelOf(intent)} is only available on agentic harnesses. Try plugging it into a coding agent or productivity app listed on https://openrouter.ai/apps`
    case 'data_collection':
      return dataPolicyMessage(isFreeModel(removed?.model ?? '') ? 'Free model training' : 'Paid model training')
    case 'zdr':
      return dataPolicyMessage('Zero data retention')
    case 'only':
    case 'allowed_providers': {
      const whose =
        cause === 'only'
          ? "your request's provider.only preference permits"
          : "your account's allowed-providers setting permits"
      const permitted = permittedBy(cause, intent, terms) ?? []
      return `No allowed providers are available for the selected model. Providers serving ${modelOf(intent)}: ${servers(intent, terms).join(', ')}, but ${whose} only: ${permitted.join(', ')}.`
    }
    case 'parameters':
      return 'No endpoints found that can handle the requested parameters'
    case 'tools':
      return `No endpoints found that support tool use. Try disabling "${request.shape.tools[0]?.name ?? ''}". ${LEARN_MORE}`
    case 'tool_choice':
      return `No endpoints found that support the provided 'tool_choice' value. ${LEARN_MORE}`
    case 'image':
    case 'audio':
    case 'video':
    case 'file':
      return `No endpoints found that support ${cause} input`
    case 'max_price':
      return 'No endpoints found that satisfy the max price for this request'
    default:
      return everyStep(plan, terms)
  }
}

function dataPolicyMessage(what: string): string {
  return `No endpoints found matching your data policy (${what}). Configure: https://openrouter.ai/settings/privacy`
}

function guardrailMessage({ funnel, removals }: EmptyPlan): string {
  const excluded = removals
    .filter(({ step }) => step === 'Filter by Guardrails')
    .map(({ reason, endpoints }) => `${reason}: ${counted(endpoints.length)} excluded`)
  return `0 endpoints out of ${at(funnel, 0).left} requested are available matching your guardrail restrictions and data policy. ${excluded.join('; ')}`
}

function counted(endpoints: number): string {
  return endpoints === 1 ? '1 endpoint' : `${endpoints} endpoints`
}

/** Everything that removed somebody on the way, where no step has a sentence of its own. */
function everyStep({ intent, funnel }: EmptyPlan, terms: Terms): string {
  const removing = funnel.filter(({ removed }) => removed.length > 0)
  const nothing = `No endpoints found for ${modelOf(intent)}.`
  if (removing.length === 0) return nothing
  const told = removing.map((row) => removedBy(row, terms))
  return `${nothing} Every candidate endpoint was removed during routing: ${told.join('; ')}.`
}

function removedBy({ step, removed, reason }: FunnelStep, { offers }: Terms): string {
  const tags = removed.map((endpoint) => at(offers, endpoint).tag).join(', ')
  return `${step} removed ${tags}${reason === undefined ? '' : ` (${reason})`}`
}

/** Whom the sentence is about: the last model, whose error is the one that is returned (§2.2). */
function modelOf({ wishes }: Intent): string {
  return at(wishes, wishes.length - 1).model
}

function servers(intent: Intent, { offers }: Terms): string[] {
  const isServing = ({ model }: Offer): boolean => model === modelOf(intent)
  return [...new Set(offers.filter(isServing).map(({ provider }) => provider))]
}

function permittedBy(cause: Cause, { provider }: Intent, { restraints }: Terms): readonly string[] | null {
  if (cause === 'only') return provider.only ?? []
  if (cause !== 'allowed_providers') return null
  const lists = restraints.flatMap(({ allowed_providers: allowed }) => (allowed === undefined ? [] : [allowed]))
  const named = [...new Set(lists.flat())]
  const common = named.filter((slug) => lists.every((list) => list.includes(slug)))
  return common.length > 0 ? common : named
}
