import { createRequiredContext } from '../ui/required-context.ts';
import type { Messaging } from './messaging.ts';

/** The viewer's conversations, drafts and unsent messages. Available when signed in. */
export const [MessagingContext, useMessaging] = createRequiredContext<Messaging>('MessagingContext');
