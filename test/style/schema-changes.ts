import {
  BreakingChangeType,
  DangerousChangeType,
  findBreakingChanges,
  findDangerousChanges,
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql';

/** A breaking change that was decided, as an entry of `schema/accepted-breaks.json`. */
export interface AcceptedBreak {
  /** The change, as the check describes it. */
  change: string;
  /** Reason for the change, and the alternative for clients. */
  reason: string;
}

interface Change {
  type: string;
  description: string;
}

/** End of a reason of `@deprecated`: the day until which the element stays at least. */
const removalPattern = /Removed after (\d{4}-\d\d-\d\d)\.$/;
/** Minimum number of days for which a release keeps an element that it deprecates. */
const deprecationDays = 180;
/** Changes that graphql-js counts as dangerous and that old clients notice all the same. */
const refusedDangers: readonly string[] = [DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE];
/** Changes by which a field has values that old clients do not know. */
const newValues: readonly string[] = [DangerousChangeType.VALUE_ADDED_TO_ENUM, DangerousChangeType.TYPE_ADDED_TO_UNION];

/**
 * Finds the changes of the schema since a release that the stability policy in `docs/clients.md` forbids.
 * @param given.released schema of the last release
 * @param given.accepted breaking changes that were decided; those that were not made are problems too
 * @param given.unreleased section of the changelog about the next release, which must name new values of enums
 * @param given.today date as `YYYY-MM-DD`: deprecated elements may be removed after theirs
 * @returns one sentence for each problem
 */
export function findSchemaProblems(given: {
  released: GraphQLSchema;
  current: GraphQLSchema;
  accepted: readonly AcceptedBreak[];
  unreleased: string;
  today: string;
}): string[] {
  const { released, current, accepted, unreleased, today } = given;
  const dangers: Change[] = findDangerousChanges(released, current);
  const breaks = [
    ...findBreakingChanges(released, current),
    ...dangers.filter(({ type }) => refusedDangers.includes(type)),
    ...findDefaultChanges(released, current),
  ].filter((change) => !isDue(change, released, today));
  return [
    ...refuseBreaks(breaks, accepted),
    ...refuseSilentValues(dangers, unreleased),
    ...refuseEndlessDeprecations(current),
  ];
}

/** Finds changes of the default values of input fields, which graphql-js does not compare. */
function findDefaultChanges(released: GraphQLSchema, current: GraphQLSchema): Change[] {
  const now = defaultsOf(current);
  return [...defaultsOf(released)]
    .filter(([place, value]) => now.has(place) && now.get(place) !== value)
    .map(([place, value]) => ({
      type: 'INPUT_FIELD_DEFAULT_VALUE_CHANGE',
      description: `${place} has changed defaultValue from ${value} to ${now.get(place)}.`,
    }));
}

/** Returns the default values of all input fields by their coordinates; `undefined` is that of a field without one. */
function defaultsOf(schema: GraphQLSchema): Map<string, string> {
  const fields = Object.values(schema.getTypeMap())
    .filter(isInputObjectType)
    .flatMap((type) => Object.values(type.getFields()).map((field) => [`${type.name}.${field.name}`, field] as const));
  return new Map(fields.map(([place, { defaultValue }]) => [place, String(JSON.stringify(defaultValue))]));
}

/**
 * Finds deprecations that a release would publish too short before their removal, or that would end before the day that the last
 * release has named.
 * @param today date of the release as `YYYY-MM-DD`
 */
export function findShortDeprecations(released: GraphQLSchema, current: GraphQLSchema, today: string): string[] {
  const least = new Date(Date.parse(today) + deprecationDays * 86_400_000).toISOString().slice(0, 10);
  const known = deprecationsOf(released);
  const dayOf = (place: string) => (known.has(place) ? removalDate(known.get(place) ?? '') : least);
  return [...deprecationsOf(current)]
    .filter(([place, reason]) => removalDate(reason) < dayOf(place))
    .map(
      ([place]) => `${place} must stay until ${dayOf(place)}: let its reason end with "Removed after ${dayOf(place)}."`,
    );
}

function refuseBreaks(breaks: readonly Change[], accepted: readonly AcceptedBreak[]): string[] {
  const decided = new Set(accepted.map(({ change }) => change));
  const made = new Set(breaks.map(({ description }) => description));
  return [
    ...breaks
      .filter(({ description }) => !decided.has(description))
      .map(({ type, description }) => `${description} This breaks clients (${type}).`),
    ...accepted
      .filter(({ change }) => !made.has(change))
      .map(({ change }) => `"${change}" is accepted but was not made: remove it from schema/accepted-breaks.json.`),
    ...accepted
      .filter(({ reason }) => reason.trim() === '')
      .map(({ change }) => `"${change}" is accepted without a reason: add it to schema/accepted-breaks.json.`),
  ];
}

function refuseSilentValues(dangers: readonly Change[], unreleased: string): string[] {
  return dangers
    .filter(({ type }) => newValues.includes(type))
    .filter(({ description }) => !new RegExp(`\\b${description.split(' ')[0]}\\b`).test(unreleased))
    .map(({ description }) => `${description} Name it in CHANGELOG.md under Unreleased: clients may not know it.`);
}

function refuseEndlessDeprecations(current: GraphQLSchema): string[] {
  return [...deprecationsOf(current)]
    .filter(([, reason]) => removalDate(reason) === '')
    .map(([place]) => `${place} is deprecated: let its reason end with "Removed after YYYY-MM-DD."`);
}

/** Whether a change removes an element that the release has deprecated until a day before today. */
function isDue({ type, description }: Change, released: GraphQLSchema, today: string): boolean {
  const reason = deprecationsOf(released).get(removedPlace(type, description));
  const date = removalDate(reason ?? '');
  return date !== '' && date < today;
}

/** Returns the coordinate of a removed element; an empty string for other changes. */
function removedPlace(type: string, description: string): string {
  const [first = '', ...rest] = description.replace(/\.$/, '').split(' ');
  if (type === BreakingChangeType.FIELD_REMOVED) return first;
  if (type === BreakingChangeType.VALUE_REMOVED_FROM_ENUM) return `${rest.at(-1)}.${first}`;
  return type === BreakingChangeType.ARG_REMOVED ? `${first}(${rest[1]}:)` : '';
}

/** Returns the day of `Removed after …`; an empty string if there is none, or no such day. */
function removalDate(reason: string): string {
  const [, date = ''] = removalPattern.exec(reason) ?? [];
  return Number.isNaN(Date.parse(date)) ? '' : date;
}

/** An element of a schema that can be deprecated. */
interface Element {
  name: string;
  deprecationReason?: string | null | undefined;
}

/** Returns the reasons of all deprecated elements by their coordinates. */
function deprecationsOf(schema: GraphQLSchema): Map<string, string> {
  const elements = Object.values(schema.getTypeMap()).flatMap(elementsOf);
  const deprecated = elements.flatMap(([place, { deprecationReason: reason }]) =>
    typeof reason === 'string' ? ([[place, reason]] as const) : [],
  );
  return new Map(deprecated);
}

/** Returns the values, fields and arguments of a type with their coordinates. */
function elementsOf(type: GraphQLNamedType): [string, Element][] {
  const named = (element: Element): [string, Element] => [`${type.name}.${element.name}`, element];
  if (isEnumType(type)) return type.getValues().map(named);
  if (isInputObjectType(type)) return Object.values(type.getFields()).map(named);
  if (!isObjectType(type) && !isInterfaceType(type)) return [];
  return Object.values(type.getFields()).flatMap((field) => [
    named(field),
    ...field.args.map((arg): [string, Element] => [`${type.name}.${field.name}(${arg.name}:)`, arg]),
  ]);
}
