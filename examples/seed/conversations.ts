import type { PersonKey } from './people.ts';
import type { Picture } from './pictures.ts';

/** A message of a conversation. */
export interface Line {
  by: PersonKey;
  text: string;
  /** Name by which later lines refer to this one. */
  id?: string;
  /** `id` of the line that this one replies to. */
  replyTo?: string;
  /** Text after an edit. */
  edited?: string;
  /** Whether the author deletes the message again. */
  isDeleted?: boolean;
  pictures?: readonly Picture[];
}

/** A conversation in one channel. Its key makes the `clientId`s, so it must not change. */
export interface Conversation {
  key: string;
  lines: readonly Line[];
}

/** A room; its first member opens it. */
export interface Room extends Conversation {
  name: string;
  visibility: 'PUBLIC' | 'PRIVATE';
  members: readonly [PersonKey, ...PersonKey[]];
}

/** A direct conversation; the first of the two opens it. */
export interface Direct extends Conversation {
  members: readonly [PersonKey, PersonKey];
}

/** Two strangers who meet. */
export const match: Direct = {
  key: 'match',
  members: ['aiko', 'mateusz'],
  lines: [
    { by: 'mateusz', text: 'Hello, stranger! Where are you?' },
    { by: 'aiko', text: 'Kyoto. It is past midnight and I cannot sleep.' },
    { by: 'mateusz', text: 'Kraków. It is tea time, so I am the wrong person to ask for advice 😄' },
    { by: 'aiko', text: 'Tell me something boring about Kraków, then.' },
    { by: 'mateusz', text: 'We have a trumpet that stops in the middle of its melody. Every hour. For 700 years.' },
    { by: 'aiko', text: 'That is not boring at all.' },
  ],
};
