import type { MatchEndReason, MessageKind } from '../gql/graphql.ts';
import type { Failure, FailureCode } from '../urql/errors.ts';

const count = (n: number, one: string, many: string) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

/** Number at which the server stops counting unread messages. */
const maxUnread = 1_000;

const failures: Record<FailureCode, string> = {
  UNAUTHENTICATED: 'You are signed out. Sign in and try again.',
  FORBIDDEN: 'You are not allowed to do this here.',
  NOT_FOUND: 'This no longer exists, or you don’t have access to it.',
  BAD_USER_INPUT: 'Something you entered is not valid.',
  CONFLICT: 'This was changed in the meantime. Check it and try again.',
  TOO_LARGE: 'This is too long.',
  RATE_LIMITED: 'You did that too often. Wait a moment and try again.',
  RESYNC_REQUIRED: 'This is out of date. Reload the page.',
  UNAVAILABLE: 'The server is busy. Try again in a moment.',
  NETWORK: 'The server cannot be reached. Check your connection and try again.',
  OTHER: 'Something went wrong on our side. Try again.',
};

const fileFailures: Partial<Record<FailureCode, string>> = {
  BAD_USER_INPUT: 'This file is damaged and cannot be read.',
  CONFLICT: 'There is no space left for this file.',
  TOO_LARGE: 'This file is too large.',
  OTHER: 'The file could not be uploaded. Remove it and try again.',
};

const ends: Record<MatchEndReason, (name: string) => string> = {
  LEFT: () => 'You left this conversation.',
  PARTNER_LEFT: (name) => `${name} has left.`,
  PARTNER_GONE: (name) => `${name} was away for too long, so the conversation ended.`,
  EXPIRED: () => 'You were away for too long, so the conversation ended.',
};

/** Returns a size for people: `12 bytes`, `3 kB`, `1.5 MB`. */
function size(bytes: number): string {
  if (bytes < 1_000) return count(bytes, 'byte', 'bytes');
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  // 999,500 bytes would be 1,000 kB.
  const power = Math.min(units.length - 1, Math.floor(Math.log10(bytes / 0.9995) / 3));
  const unit = units[power] ?? 'byte';
  const format = { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: power < 2 ? 0 : 1 } as const;
  return new Intl.NumberFormat('en', format).format(bytes / 1_000 ** power);
}

/** All texts of the client for users. Components contain none. */
export const texts = {
  app: 'Parley',
  back: 'Back',
  close: 'Close',
  cancel: 'Cancel',
  tryAgain: 'Try again',
  loading: 'Loading',
  more: 'Show more',
  you: 'You',
  failure: ({ code }: Pick<Failure, 'code'>) => failures[code],
  /** An erased user has no name. */
  nameOf: ({ name }: { name: string }) => name || 'Deleted account',

  welcome: {
    title: 'Talk to someone new',
    lead: 'Parley connects you with one stranger at a time. You don’t need an account.',
    name: 'Your name',
    nameHint: 'You can use any name. This one is a suggestion.',
    anotherName: 'Suggest another name',
    start: 'Find a stranger',
    open: 'Open the conversation',
    rooms: 'Browse rooms',
    haveAccount: 'Already have an account?',
    forDevelopers: 'Building an app?',
    explorer: 'Explore the API',
    nameNeeded: 'Enter a name.',
  },
  tags: {
    label: 'Topics',
    optional: 'optional',
    hint: 'Up to ten, separated by commas: films, cooking',
    tooMany: 'Enter at most ten topics.',
    tooLong: 'Each topic can have at most 30 characters.',
  },
  account: {
    signIn: 'Sign in',
    register: 'Create an account',
    signOut: 'Sign out',
    title: 'Your account',
    email: 'E-mail address',
    password: 'Password',
    newPasswordHint: 'Long and hard to guess. A few words work well.',
    name: 'Name',
    guest: 'Guest',
    guestNote:
      'You are signed in as a guest. Create an account to use Parley on other devices and keep your conversations.',
    signedInAs: (email: string) => `Signed in as ${email}`,
    registerLead: 'You keep your conversations.',
    problems: {
      name: 'Enter a name of 1 to 50 characters that can be seen.',
      email: 'Enter a valid e-mail address.',
    },
    /** The server knows the rules: its message says which one the password breaks. */
    passwordProblem: (message: string) => `The password ${message}.`,
    wrongPassword: 'The e-mail address or password is wrong.',
    taken: 'An account with this e-mail address already exists. Sign in instead?',
    signOutGuest: 'Sign out as a guest?',
    signOutGuestNote: 'Without an account you cannot return to these conversations.',
    noAccount: 'New here?',
    asGuest: 'Continue without an account',
    menu: (name: string) => `${name}, your account`,
  },
  reset: {
    forgot: 'Forgot your password?',
    forgotTitle: 'Forgot your password?',
    forgotLead: 'Enter your e-mail address. You get a link to choose a new password.',
    sendLink: 'Send the link',
    sendAgain: 'Send it again',
    sent: (email: string) =>
      `If ${email} has an account, the link is on its way. It works for a limited time. Check your spam folder too.`,
    title: 'Choose a new password',
    lead: 'You are then signed in here, and signed out on all other devices.',
    newPassword: 'New password',
    save: 'Save and sign in',
    linkIsOver: 'This link was used or has expired. Request another one.',
    anotherLink: 'Request another link',
  },
  /** Number of unread messages for the title of the tab. */
  unreadTitle: (n: number) => (n < maxUnread ? String(n) : `${maxUnread}+`),
  list: {
    title: 'Conversations',
    empty: 'No conversations yet',
    emptyHint: 'Find a stranger or join a room. Your conversations appear here.',
    failed: 'Your conversations could not be loaded.',
    rooms: 'Rooms',
    unread: (n: number) =>
      n < maxUnread
        ? count(n, 'unread message', 'unread messages')
        : `${maxUnread.toLocaleString('en')}+ unread messages`,
    ended: 'Ended',
    noMessages: 'No messages yet',
    deleted: 'Message deleted',
    navigation: 'Conversations and rooms',
    preview: (author: string, text: string) => `${author}: ${text}`,
  },
  invitations: {
    title: 'You are invited',
    room: (inviter: string) =>
      inviter === ''
        ? 'Join the room to see its messages.'
        : `${inviter} invites you. Join the room to see its messages.`,
    direct: 'Wants to talk to you. Reply to accept.',
    preview: 'Invitation',
    join: 'Join',
    decline: 'Decline',
  },
  rooms: {
    title: 'Rooms',
    search: 'Search rooms',
    create: 'New room',
    createTitle: 'New room',
    createLead: 'Anyone can find and join the room.',
    createAction: 'Create room',
    name: 'Room name',
    namePlaceholder: 'Sunday cooks',
    nameNeeded: 'Enter a name for the room.',
    nameRefused: 'Enter a name of 1 to 80 characters that can be seen.',
    join: 'Join',
    open: 'Open',
    members: (n: number) => count(n, 'member', 'members'),
    membersOnline: (members: number, online: number) => `${count(members, 'member', 'members')}, ${online} online`,
    empty: 'No rooms yet',
    emptyHint: 'Create the first room. Others can find it here.',
    noneFound: (search: string) => `No rooms match “${search}”`,
    noneFoundHint: 'Try another search, or create the room.',
    failed: 'The rooms could not be loaded.',
    leave: 'Leave room',
    leaveQuestion: (name: string) => `Leave ${name}?`,
    leaveNote: 'You can join again at any time.',
    leaveAction: 'Leave',
    people: 'Members',
    peopleFailed: 'The members could not be loaded.',
    owner: 'Owner',
    moderator: 'Moderator',
    online: 'online',
    write: (name: string) => `Message ${name}`,
    notMember: 'You are not a member of this room',
    notMemberHint: 'Join the room to read and write messages.',
    closed: 'This room is closed. You can still read its messages.',
  },
  match: {
    title: 'Stranger',
    find: 'Find a stranger',
    findLead: 'You chat one to one until one of you leaves.',
    waiting: 'Looking for someone',
    searching: 'Looking…',
    /** `seconds`: duration of the search so far. */
    waitingNote: (seconds: number) =>
      seconds < 20
        ? 'This usually takes a few seconds.'
        : 'No match yet, and nobody knows how long it will take. You can use the rest of Parley meanwhile: a match is announced here and in the tab’s title.',
    waitedFor: (seconds: number) =>
      seconds < 60 ? count(seconds, 'second', 'seconds') : count(Math.floor(seconds / 60), 'minute', 'minutes'),
    waited: 'Waiting for',
    next: 'Next',
    nextHint: 'Leave and find another stranger',
    leave: 'Leave',
    leaveHint: 'Leave and stop searching',
    matchedWith: (name: string) => `You are talking to ${name}`,
    sayHello: 'You have just met. Say hello.',
    talkingWith: (name: string) => `Talking to ${name}`,
    found: (name: string) => `You have a new match: ${name}.`,
    openMatch: 'Open',
    foundTitle: (name: string) => `New match: ${name}`,
    ended: (name: string, reason: MatchEndReason | null) =>
      reason === null ? 'This conversation has ended.' : ends[reason](name),
    draftQuestion: 'Discard your draft?',
    draftNote: 'You have an unsent message. It will be lost if you leave.',
    keepWriting: 'Keep writing',
    stranger: 'Stranger',
  },
  direct: {
    online: 'Online',
    lastSeen: (when: string) => `Last seen ${when}`,
    away: 'Offline',
  },
  messages: {
    log: (name: string) => `Messages with ${name}`,
    composer: (name: string) => `Message to ${name}`,
    placeholder: 'Write a message',
    send: 'Send',
    save: 'Save changes',
    unread: 'New',
    newMessages: (n: number) => `${n} new`,
    toEnd: 'Go to the newest message',
    today: 'Today',
    yesterday: 'Yesterday',
    edited: 'edited',
    deleted: 'This message was deleted.',
    sending: 'Sending',
    sent: 'Sent',
    waitingForConnection: 'Will be sent when you are back online',
    notSent: 'Not sent.',
    discard: 'Discard',
    reply: 'Reply',
    edit: 'Edit',
    delete: 'Delete',
    actions: 'Actions',
    replyingTo: (name: string) => `Replying to ${name}`,
    replyTo: (name: string) => `In reply to ${name}`,
    editing: 'Editing your message',
    deleteQuestion: 'Delete this message?',
    deleteNote: 'Others will see that a message was deleted, but not its content.',
    editConflict: 'This message was changed elsewhere in the meantime. Save again to replace it with your text.',
    olderFailed: 'Older messages could not be loaded.',
    beginning: 'This is the beginning of the conversation.',
    empty: 'No messages yet',
    emptyHint: 'Write the first message.',
    failed: 'The messages could not be loaded.',
    ended: 'You are no longer a member of this conversation.',
    notFound: 'Conversation not found',
    notFoundHint: 'It does not exist, or you don’t have access to it.',
    bytesLeft: (n: number) => `${n.toLocaleString('en')} left`,
    tooLong: (n: number) => `${n.toLocaleString('en')} too long`,
    closed: 'This conversation is closed.',
    announcement: (author: string, text: string) => `${author}: ${text}`,
    happened: (kind: Exclude<MessageKind, 'TEXT'>, name: string, text: string) => {
      const verbs = { JOINED: 'joined', LEFT: 'left', REMOVED: 'was removed' };
      return kind === 'NOTICE' ? text : `${name} ${verbs[kind]}`;
    },
  },
  files: {
    attach: 'Attach files',
    attached: 'Files for the next message',
    uploading: 'Uploading',
    ready: 'Ready to send',
    failure: ({ code }: Pick<Failure, 'code'>) => fileFailures[code] ?? failures[code],
    remove: (name: string) => `Remove ${name}`,
    attachment: 'Attachment',
    leftOut: (n: number, max: number) =>
      `${n === 1 ? 'One file was' : `${n} files were`} left out: a message can have at most ${max}.`,
    tooLarge: (maxBytes: number) => `Too large. The limit is ${size(maxBytes)}.`,
    size,
  },
  connection: {
    offline: 'You are offline. Your messages will be sent when you are back online.',
    reconnecting: 'The connection was lost. Reconnecting… Your messages will be sent afterwards.',
  },
};
