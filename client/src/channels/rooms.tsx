import { useDeferredValue, useState } from 'react';
import { useMutation, useQuery } from 'urql';
import { JoinRoomDocument, RoomsDocument, type RoomsQuery } from '../gql/graphql.ts';
import { useWorkspace } from '../parley-context.tsx';
import { RoomAvatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { EmptyState, FailureNote, Skeleton } from '../ui/notice.tsx';
import { Pane } from '../ui/pane.tsx';
import { href, navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { failureOf } from '../urql/errors.ts';

type Room = NonNullable<RoomsQuery['rooms']>['nodes'][number];

const PAGE_SIZE = 30;

/** The public rooms, to look through, to search and to join. */
export function Rooms() {
  const [search, setSearch] = useState('');
  const wanted = useDeferredValue(search.trim());
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);

  return (
    <Pane
      title={texts.rooms.title}
      actions={
        <Button icon="plus" onClick={() => navigate({ screen: 'new-room' })}>
          {texts.rooms.create}
        </Button>
      }
    >
      <div className="page">
        <label className="search">
          <Icon name="search" />
          <span className="hidden">{texts.rooms.search}</span>
          <input
            type="search"
            className="search-input"
            placeholder={texts.rooms.search}
            value={search}
            onChange={(event) => {
              setSearch(event.target.value);
              setCursors([null]);
            }}
          />
        </label>
        {cursors.map((after, index) => (
          <RoomPage
            key={`${wanted}:${after}`}
            search={wanted}
            after={after}
            onMore={index === cursors.length - 1 ? (cursor) => setCursors([...cursors, cursor]) : null}
          />
        ))}
      </div>
    </Pane>
  );
}

interface RoomPageProps {
  search: string;
  after: string | null;
  /** Null when the next page is shown already. */
  onMore: ((cursor: string) => void) | null;
}

function RoomPage({ search, after, onMore }: RoomPageProps) {
  const [result, load] = useQuery({
    query: RoomsDocument,
    variables: { search: search === '' ? null : search, first: PAGE_SIZE, after },
    requestPolicy: 'cache-and-network',
  });
  const failure = failureOf(result.error);
  const page = result.data?.rooms;
  if (failure && !page)
    return (
      <FailureNote what={texts.rooms.failed} failure={failure} retry={() => load({ requestPolicy: 'network-only' })} />
    );
  if (!page) return <Skeleton lines={6} />;
  if (page.nodes.length === 0 && after === null) return <NoRooms search={search} />;
  return (
    <>
      <ul className="room-list">
        {page.nodes.map((room) => (
          <RoomRow room={room} key={room.id} />
        ))}
      </ul>
      {onMore && page.pageInfo.hasNextPage && (
        <Button isWide onClick={() => page.pageInfo.endCursor && onMore(page.pageInfo.endCursor)}>
          {texts.more}
        </Button>
      )}
    </>
  );
}

function NoRooms({ search }: { search: string }) {
  return (
    <EmptyState
      title={search === '' ? texts.rooms.empty : texts.rooms.noneFound(search)}
      hint={search === '' ? texts.rooms.emptyHint : texts.rooms.noneFoundHint}
    >
      <Button look="primary" onClick={() => navigate({ screen: 'new-room' })}>
        {texts.rooms.create}
      </Button>
    </EmptyState>
  );
}

function RoomRow({ room }: { room: Room }) {
  const { channels } = useWorkspace();
  const [result, join] = useMutation(JoinRoomDocument);
  const failure = failureOf(result.error);
  const name = room.name ?? '';

  async function enter() {
    const { data } = await join({ channelId: room.id });
    if (!data?.joinRoom) return;
    channels.put(data.joinRoom);
    navigate({ screen: 'channel', channelId: room.id });
  }

  return (
    <li className="room-row">
      <RoomAvatar />
      <div className="room-row-words">
        <p className="room-row-name">{name}</p>
        <p className="room-row-note">{texts.rooms.members(room.memberCount)}</p>
      </div>
      {room.viewerMembership === null ? (
        <Button look="primary" isBusy={result.fetching} aria-label={`${texts.rooms.join} ${name}`} onClick={enter}>
          {texts.rooms.join}
        </Button>
      ) : (
        <a
          className="button button-plain"
          aria-label={`${texts.rooms.open} ${name}`}
          href={href({ screen: 'channel', channelId: room.id })}
        >
          {texts.rooms.open}
        </a>
      )}
      {failure && <FailureNote failure={failure} />}
    </li>
  );
}
