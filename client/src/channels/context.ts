import { createRequiredContext } from '../ui/required-context.ts';
import type { ChannelList } from './channel-list.ts';

/** The viewer's channels. Available when signed in. */
export const [ChannelsContext, useChannels] = createRequiredContext<ChannelList>('ChannelsContext');
