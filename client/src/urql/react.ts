/** Hooks for React: the package's entry `parley-client/react`. */
export { ParleyProvider, useParley } from './react/context.ts';
export {
  useChannel,
  useChannels,
  useConnection,
  useMatch,
  useMessages,
  usePending,
  useReadable,
  useSend,
  useSession,
} from './react/hooks.ts';
