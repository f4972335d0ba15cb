import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import type { Domain } from '../../schema/domain.ts';
import type { Config } from '../config.ts';
import { createAccess } from '../domain/access.ts';
import { createAccounts } from '../domain/accounts.ts';
import { createActivity } from '../domain/activity/activity.ts';
import { createAudit } from '../domain/audit.ts';
import { type Auth, createAuth } from '../domain/auth.ts';
import { createAvatarCache } from '../domain/avatar-cache.ts';
import { createAvatars } from '../domain/avatars.ts';
import { createBlocks } from '../domain/blocks.ts';
import { createChannelList } from '../domain/channel-list.ts';
import { createChannelReads } from '../domain/channel-reads.ts';
import { createChannels } from '../domain/channels.ts';
import { createCostBudget } from '../domain/cost-budget.ts';
import { createHistory } from '../domain/history.ts';
import { createHistoryAround } from '../domain/history-around.ts';
import { createMatchPresence } from '../domain/match-presence.ts';
import { createMatching } from '../domain/matching.ts';
import { createMentionChecks, maxMentions } from '../domain/mention-checks.ts';
import { createMessageAccess } from '../domain/message-access.ts';
import { createMessageVersions } from '../domain/message-versions.ts';
import { createMessages, maxAttachments } from '../domain/messages.ts';
import { createModeration } from '../domain/moderation.ts';
import { createOnlineMembers } from '../domain/online-members.ts';
import type { HashCost } from '../domain/passwords.ts';
import { createPins } from '../domain/pins.ts';
import { maxPins, maxReactionKinds } from '../domain/policies.ts';
import { createPreferences } from '../domain/preferences.ts';
import { createPresence } from '../domain/presence.ts';
import { createRateLimits, noRateLimits } from '../domain/rate-limits.ts';
import { createReactions } from '../domain/reactions.ts';
import { createReadingWatch } from '../domain/reading-watch.ts';
import { createReceipts } from '../domain/receipts.ts';
import { createReplies } from '../domain/replies.ts';
import { createReportActions } from '../domain/report-actions.ts';
import { createReports } from '../domain/reports.ts';
import { createRoomModeration } from '../domain/room-moderation.ts';
import { createSecurityLog, noSecurityLog } from '../domain/security-log.ts';
import { readServerSecret } from '../domain/server-secret.ts';
import { createServiceModerators } from '../domain/service-moderators.ts';
import { createStreamTickets } from '../domain/stream-tickets.ts';
import { createStreamTokens } from '../domain/stream-tokens.ts';
import { createSuspensions } from '../domain/suspensions.ts';
import { createUserCache } from '../domain/user-cache.ts';
import type { Objects } from '../infra/objects/objects.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { openSecurityLogger, type RootLogger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import { makePrivateDirectory } from '../private-directory.ts';
import { createSignalPublisher } from '../signal-publisher.ts';
import { reasonOf, StartError } from '../start-errors.ts';
import { openCleanup } from './cleanup.ts';
import { openErasures } from './erasure.ts';
import type { Open } from './lifecycle.ts';
import { openLive } from './live.ts';
import { openOutgoingMail, resetLinksOf } from './mail.ts';
import type { Ports } from './ports.ts';
import { readSigningSecrets } from './signing-secrets.ts';
import { openSubmit } from './submit.ts';
import { openUpdates } from './updates.ts';
import { openUploads } from './uploads.ts';

const dayMs = 86_400_000;

/** Choices of the domain that no setting makes. */
export interface DomainChoices {
  /** Returns the authentication to use in place of the given one. */
  wrapAuth?: ((auth: Auth) => Auth) | undefined;
  /** Cost of new hashes of passwords. */
  hashCost?: HashCost | undefined;
}

/** Makes the domain of a gateway, one noun after another, and starts the parts that run. */
export async function openDomain(
  given: DomainChoices & {
    config: Config;
    logger: RootLogger;
    open: Open;
    metrics: Metrics;
    ports: Ports;
  },
) {
  const { config, logger, open, ports, hashCost, wrapAuth = (auth) => auth } = given;
  const { database, state } = ports;
  const { onRefused } = given.metrics;
  const rateLimits =
    config.RATE_LIMITS === 'on' ? createRateLimits({ limits: state.limits, onRefused, logger }) : noRateLimits;
  const securityLog = await openSecurityLog(given);
  const nodeId = randomUUID();
  const { log, submit } = await openSubmit({ ...given, nodeId });
  const { channels, userSignals, feeds } = await openLive(given);
  const pubsub = await openRepeatedSignals(given);
  const common = { database, pubsub, state, logger, rateLimits, securityLog, channels, userSignals };
  const history = createHistory({ database, maxReplay: config.MAX_REPLAY });
  const access = createAccess(database, log);
  const secrets = await readSigningSecrets(config);
  const publicUrl = config.PUBLIC_URL ?? '';

  const sessions = createAuth({ ...common, secrets, ttlSeconds: config.TOKEN_TTL_SECONDS });
  const auth = wrapAuth(await open('sessions', sessions));
  const channelList = await open('channel lists', createChannelList(common));
  const blocks = createBlocks(common);
  const userCache = await open('user cache', createUserCache(common));
  const presence = await open(
    'presence',
    createPresence({
      ...common,
      presence: state.presence,
      nodeId,
      leaseMs: config.PRESENCE_LEASE_MS,
      onChange: createMatchPresence(common),
    }),
  );
  const onlineMembers = await open('online members', createOnlineMembers({ ...common, presence: state.presence }));
  const activity = await open(
    'activity',
    createActivity({
      ...common,
      access,
      blocks,
      onlineMembers,
      reads: createChannelReads(database),
      typingLeaseMs: config.TYPING_LEASE_MS,
      receiptsMaxMembers: config.RECEIPTS_MAX_MEMBERS,
    }),
  );

  const files = { ...common, objects: required(ports.objects) };
  const uploads = await openUploads({ ...files, config, open, access, userCache, secrets });
  const erasures = await openErasures({ ...files, submit, open, metrics: given.metrics });
  await openCleanup({ ...files, erasures, submit, guard: log, log: ports.log, config, open, metrics: given.metrics });

  const { ownPicture, thumbnail } = uploads;
  const sessionBounds = { ttlMs: config.REFRESH_TTL_DAYS * dayMs, perUser: config.MAX_SESSIONS_PER_USER };
  const maxDataBytes = config.MAX_DATA_BYTES;
  const minPasswordLength = config.PASSWORD_MIN_LENGTH;
  const outgoingMail = await openOutgoingMail(given);
  const accounts = createAccounts({
    ...common,
    auth,
    userCache,
    ownPicture,
    sessionBounds,
    slowGuestsAfter: config.SLOW_GUESTS_AFTER,
    minPasswordLength,
    maxDataBytes,
    hashCost,
    erasures,
    outgoingMail,
    resetLinks: resetLinksOf(config),
  });
  const avatars = createAvatars({ ...common, publicUrl, thumbnail, gravatar: gravatarOf(config) });
  const avatarCache = createAvatarCache({ load: avatars.picture });
  userCache.onChange(avatarCache.forget);
  const moderation = createModeration({ ...common, blocks });
  const { updates, liveUpdates } = await openUpdates({ ...given, ...common, guard: log, feeds, blocks });
  const matching = createMatching({
    ...common,
    nodeId,
    submit,
    moderation,
    times: { leaseMs: config.MATCH_LEASE_MS, relaxMs: config.MATCH_RELAX_MS, absenceMs: config.MATCH_ABSENCE_MS },
  });
  const audit = createAudit(database);
  const moderators = createServiceModerators(database);
  const { withdraw } = matching;
  const suspensions = createSuspensions({ ...common, auth, moderators, audit, withdraw });
  const messageAccess = createMessageAccess({ database, access });
  const ofMessages = { submit, history, messageAccess };
  const findEntry = async (id: string) => (await history.byIds([id]))[0] ?? null;
  const reports = {
    ...createReports({ ...common, access, moderators, findEntry }),
    ...createReportActions({ ...common, moderators, suspensions, submit, audit }),
  };
  given.metrics.gauge('match_users', 'Users whose match somebody here follows.', matching.followed);
  const preferences = createPreferences(common);
  const channelsOfDomain = createChannels({
    database,
    preferences,
    submit,
    accounts,
    userCache,
    moderation,
    rateLimits,
    securityLog,
    maxDataBytes,
    directSecret: await readServerSecret(database, 'direct-channels'),
  });
  const domain: Domain = {
    accounts,
    activity,
    avatars: { url: avatars.url, picture: avatarCache.picture },
    channels: channelsOfDomain,
    roomModeration: createRoomModeration({ ...common, submit, channels: channelsOfDomain, accounts, access }),
    channelList,
    limits: {
      messageBytes: config.MAX_MESSAGE_BYTES,
      dataBytes: maxDataBytes,
      mentions: maxMentions,
      uploadBytes: config.MAX_UPLOAD_BYTES,
      attachments: maxAttachments,
      replay: config.MAX_REPLAY,
      reactions: maxReactionKinds,
      pins: maxPins,
      retentionDays: config.RETENTION_DAYS ?? 0,
      cursorDays: config.CURSOR_DAYS,
      passwordLength: minPasswordLength,
    },
    matching,
    messageVersions: createMessageVersions({ database }),
    messages: createMessages({
      securityLog,
      submit,
      history,
      readAround: createHistoryAround({ database, access }),
      access,
      messageAccess,
      watchReading: createReadingWatch({ access, userSignals, logger }),
      feeds,
      blocks,
      findAttachable: uploads.findAttachable,
      checkMentions: createMentionChecks({ database, access }),
      rateLimits,
      activity,
      maxMessageBytes: config.MAX_MESSAGE_BYTES,
      maxDataBytes,
      maxReplay: config.MAX_REPLAY,
    }),
    moderation,
    onlineMembers,
    pins: createPins({ ...common, ...ofMessages }),
    replies: createReplies({ database }),
    presence,
    preferences,
    reactions: createReactions({ ...common, ...ofMessages }),
    receipts: createReceipts({ ...common, activity }),
    reports,
    suspensions,
    streamTickets: createStreamTickets({ ...common, secrets, auth, limits: state.limits }),
    updates,
    liveUpdates,
    uploads,
  };
  given.metrics.gauge('channel_lists', 'Users whose channel list somebody here follows.', channelList.size);
  given.metrics.gauge(
    'channel_list_updates_waiting',
    'Updates of channel lists that wait for the next round of their channel.',
    channelList.waiting,
  );
  given.metrics.gauge('activity_channels', 'Channels whose activity somebody here follows.', activity.size);
  given.metrics.gauge('activity_waiting', 'Changes of activity that wait for a later round.', activity.waiting);
  given.metrics.gauge(
    'online_members_kept',
    'Members of channels whose presence is kept to count those online.',
    onlineMembers.size,
  );
  const costBudget = createCostBudget({ rateLimits, pointsPerMinute: config.COST_BUDGET_PER_MINUTE });
  return { domain, auth, costBudget, streamTokens: createStreamTokens({ secrets, nodeId }), logReady: log.ready };
}

/** Returns the pubsub, which repeats failed signals: no mutation waits for one. */
async function openRepeatedSignals(given: { open: Open; metrics: Metrics; ports: Ports; logger: RootLogger }) {
  const { open, metrics, logger } = given;
  const { pubsub } = given.ports;
  const signals = await open(
    'signal publisher',
    createSignalPublisher({ pubsub, onFailed: metrics.bridge.publishFailed, logger }),
  );
  metrics.gauge('signals_waiting', 'Signals of this gateway that failed and wait to be repeated.', signals.waiting);
  const publish: PubSub['publish'] = async (topic, message) => signals.publish(topic, message);
  return { ...pubsub, publish };
}

async function openSecurityLog(given: { config: Config; logger: RootLogger; open: Open; ports: Ports }) {
  const { SECURITY_LOG: target } = given.config;
  if (target === 'off') return noSecurityLog;
  const secret = await readServerSecret(given.ports.database, 'security-log');
  const { logger } = await given.open('security log', openSecurityFile(target, given.logger));
  return createSecurityLog({ logger, secret });
}

async function openSecurityFile(target: string, logger: RootLogger) {
  try {
    if (target !== 'stdout') await makePrivateDirectory(dirname(target));
    return openSecurityLogger(target, logger);
  } catch (cause) {
    throw new StartError(
      `SECURITY_LOG: ${target} cannot be written: ${reasonOf(cause)}. Set it to stdout, off, or the path of a file that this process may append to.`,
      { cause },
    );
  }
}

function required(objects: Objects | null): Objects {
  if (objects === null) throw new Error('a gateway needs an object store');
  return objects;
}

function gravatarOf({ GRAVATAR, DATA_DIR }: Config) {
  return GRAVATAR === 'on' ? { directory: `${DATA_DIR}/avatars`, fetch } : null;
}
