import type { MatchEndReason, MessageKind } from '../gql/graphql.ts';
import type { Failure, FailureCode } from '../urql/errors.ts';

const count = (n: number, one: string, many: string) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

const failures: Record<FailureCode, string> = {
  UNAUTHENTICATED: 'You are signed out. Sign in and try again.',
  FORBIDDEN: 'You are not allowed to do this here.',
  NOT_FOUND: 'This is not here any more.',
  BAD_USER_INPUT: 'Something in this is not right.',
  CONFLICT: 'Something changed meanwhile. Have a look and try again.',
  TOO_LARGE: 'This is too long.',
  RATE_LIMITED: 'That was a lot at once. Wait a moment and try again.',
  RESYNC_REQUIRED: 'This is out of date. Load it again.',
  UNAVAILABLE: 'The server is busy. Try again in a moment.',
  NETWORK: 'The server cannot be reached. Check your connection and try again.',
  OTHER: 'Something went wrong on our side. Try again.',
};

const fileFailures: Partial<Record<FailureCode, string>> = {
  BAD_USER_INPUT: 'This file is broken: it cannot be read.',
  CONFLICT: 'There is no room for this file.',
  TOO_LARGE: 'This file is too large.',
  OTHER: 'It could not be uploaded. Remove it and try again.',
};

const ends: Record<MatchEndReason, (name: string) => string> = {
  LEFT: () => 'You left this conversation.',
  PARTNER_LEFT: (name) => `${name} has left.`,
  PARTNER_GONE: (name) => `${name} was away for too long, so the conversation ended.`,
  EXPIRED: () => 'You were away for too long, so the conversation ended.',
};

/** As people say it: `12 bytes`, `3 kB`, `1.5 MB`. */
function size(bytes: number): string {
  if (bytes < 1_000) return count(bytes, 'byte', 'bytes');
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const unit = units[power] ?? 'byte';
  const format = { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: power < 2 ? 0 : 1 } as const;
  return new Intl.NumberFormat('en', format).format(bytes / 1_000 ** power);
}

/** Every word that the client says. Components hold none. */
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

  welcome: {
    title: 'Talk to someone new',
    lead: 'Parley finds you a stranger to talk to, one at a time. No account is needed.',
    name: 'Your name here',
    nameHint: 'Any name will do; this one is made up.',
    anotherName: 'Another name',
    start: 'Find a stranger',
    rooms: 'Look at the rooms first',
    haveAccount: 'Have an account?',
    nameNeeded: 'Choose a name first.',
  },
  tags: {
    label: 'Things to talk about',
    optional: 'optional',
    hint: 'Up to ten, with commas between: films, cooking',
    tooMany: 'Ten are the most.',
    tooLong: 'Each may have 30 characters.',
  },
  account: {
    signIn: 'Sign in',
    register: 'Create an account',
    signOut: 'Sign out',
    title: 'Your account',
    email: 'E-mail address',
    password: 'Password',
    newPasswordHint: 'At least 8 characters.',
    name: 'Name',
    guest: 'Guest',
    guestNote: 'You are here as a guest. With an account you can come back from any device and keep everything.',
    signedInAs: (email: string) => `Signed in as ${email}`,
    registerLead: 'Your conversations stay as they are.',
    problems: {
      name: 'A name has 1 to 50 characters.',
      email: 'This is not an e-mail address.',
      password: 'A password has at least 8 characters.',
    },
    wrongPassword: 'The e-mail address or the password is not right.',
    taken: 'There is an account with this e-mail address already. Sign in instead?',
    signOutGuest: 'Sign out as a guest?',
    signOutGuestNote: 'There is no way back to these conversations without an account.',
    noAccount: 'New here?',
    asGuest: 'Go on without an account',
    menu: (name: string) => `${name}, your account`,
  },
  list: {
    title: 'Conversations',
    empty: 'Nothing here yet',
    emptyHint: 'Find a stranger or join a room. Your conversations will be kept here.',
    failed: 'Your conversations could not be loaded.',
    rooms: 'Rooms',
    unread: (n: number) => count(n, 'unread message', 'unread messages'),
    ended: 'Ended',
    nothingSaid: 'Nothing said yet',
    deleted: 'Message deleted',
    navigation: 'Conversations and rooms',
    preview: (author: string, text: string) => `${author}: ${text}`,
  },
  rooms: {
    title: 'Rooms',
    search: 'Search rooms',
    create: 'New room',
    createTitle: 'New room',
    createLead: 'Anyone can find it and join.',
    createAction: 'Create room',
    name: 'Name of the room',
    namePlaceholder: 'Sunday cooks',
    nameNeeded: 'Give the room a name.',
    nameTooLong: 'A name has at most 80 characters.',
    join: 'Join',
    joining: 'Joining',
    open: 'Open',
    members: (n: number) => count(n, 'member', 'members'),
    membersOnline: (members: number, online: number) => `${count(members, 'member', 'members')}, ${online} here now`,
    empty: 'No rooms yet',
    emptyHint: 'Create the first one. Others will find it here.',
    noneFound: (search: string) => `No room is called “${search}”`,
    noneFoundHint: 'Try another word, or create it.',
    failed: 'The rooms could not be loaded.',
    leave: 'Leave room',
    leaveQuestion: (name: string) => `Leave ${name}?`,
    leaveNote: 'You can join again whenever you like.',
    leaveAction: 'Leave',
    people: 'People',
    peopleFailed: 'The members could not be loaded.',
    owner: 'Owner',
    moderator: 'Moderator',
    online: 'here now',
    write: (name: string) => `Write to ${name}`,
    notMember: 'You are not in this room',
    notMemberHint: 'Join it to read and write.',
    closed: 'This room was closed. Its history stays.',
  },
  match: {
    title: 'A stranger',
    find: 'Find a stranger',
    findLead: 'You talk one to one until either of you moves on.',
    waiting: 'Looking for someone',
    looking: 'Looking…',
    /** `seconds` since the search began. */
    waitingNote: (seconds: number) =>
      seconds < 20
        ? 'It takes seconds when people are around.'
        : 'It is quiet right now, and nobody can say how long it will be. You can look around meanwhile: we will tell you here and in the tab’s title.',
    waitedFor: (seconds: number) =>
      seconds < 60 ? count(seconds, 'second', 'seconds') : count(Math.floor(seconds / 60), 'minute', 'minutes'),
    waited: 'Waiting for',
    next: 'Next',
    nextHint: 'Leave this stranger and find another',
    leave: 'Leave',
    leaveHint: 'Leave and stop looking',
    matchedWith: (name: string) => `You are talking with ${name}`,
    sayHello: 'You have never met. Say hello.',
    talkingWith: (name: string) => `Talking with ${name}`,
    found: (name: string) => `${name} is here.`,
    goTalk: 'Go and talk',
    foundTitle: (name: string) => `${name} is here`,
    ended: (name: string, reason: MatchEndReason | null) =>
      reason === null ? 'This conversation has ended.' : ends[reason](name),
    endedHint: 'What was said can still be read.',
    draftQuestion: 'Leave with an unsent message?',
    draftNote: 'What you have written here would be lost.',
    keepWriting: 'Keep writing',
    stranger: 'Stranger',
  },
  direct: {
    online: 'Here now',
    lastSeen: (when: string) => `Last here ${when}`,
    away: 'Not here',
  },
  messages: {
    log: (name: string) => `Messages with ${name}`,
    composer: (name: string) => `Message to ${name}`,
    placeholder: 'Write a message',
    send: 'Send',
    save: 'Save changes',
    unread: 'New',
    newMessages: (n: number) => `${n} new`,
    toEnd: 'To the newest message',
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
    deleteNote: 'Everyone here will see that something was deleted, not what it was.',
    editConflict:
      'The message was changed somewhere else meanwhile. Your text is still here: save again to replace it.',
    loadingOlder: 'Loading older messages',
    olderFailed: 'Older messages could not be loaded.',
    beginning: 'This is where it begins.',
    empty: 'Nothing said yet',
    emptyHint: 'Write the first message.',
    failed: 'The messages could not be loaded.',
    ended: 'You are no longer in this conversation.',
    gone: 'There is no such conversation',
    goneHint: 'It may have ended, or it is not yours to see.',
    bytesLeft: (n: number) => `${n.toLocaleString('en')} left`,
    tooLong: (n: number) => `Too long by ${n.toLocaleString('en')}`,
    closed: 'Nobody can write here any more.',
    announcement: (author: string, text: string) => `${author}: ${text}`,
    happened: (kind: Exclude<MessageKind, 'TEXT'>, name: string) => {
      const verbs = { JOINED: 'joined', LEFT: 'left', REMOVED: 'was removed' };
      return `${name} ${verbs[kind]}`;
    },
  },
  files: {
    attach: 'Attach files',
    attached: 'Files that go with the next message',
    storing: 'Uploading',
    ready: 'Ready to send',
    failure: ({ code }: Pick<Failure, 'code'>) => fileFailures[code] ?? failures[code],
    remove: (name: string) => `Remove ${name}`,
    one: 'A file',
    leftOut: (count: number, most: number) =>
      `${count === 1 ? 'One file was' : `${count} files were`} left out: a message takes at most ${most}.`,
    tooLarge: (most: number) => `Too large: at most ${size(most)}.`,
    size,
  },
  connection: {
    offline: 'You are offline. You can read and write; your messages go out when you are back.',
    reconnecting: 'The connection was lost. Reconnecting; your messages are kept.',
  },
};
