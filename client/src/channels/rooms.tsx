import { useDeferredValue, useState } from 'react';
import { useQuery } from 'urql';
import { RoomsDocument } from '../gql/graphql.ts';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { EmptyState, FailureNote, Skeleton } from '../ui/notice.tsx';
import { Pane } from '../ui/pane.tsx';
import { navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { toFailure } from '../urql/errors.ts';
import { RoomRow } from './room-row.tsx';

const pageSize = 30;

/** The screen that lists the public rooms, with a search field. */
export function Rooms() {
  const [search, setSearch] = useState('');
  const term = useDeferredValue(search.trim());
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
            key={`${term}:${after}`}
            search={term}
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
  /** Called with the cursor of the next page; null if that page is shown already. */
  onMore: ((cursor: string) => void) | null;
}

function RoomPage({ search, after, onMore }: RoomPageProps) {
  const [result, load] = useQuery({
    query: RoomsDocument,
    variables: { search: search === '' ? null : search, first: pageSize, after },
    requestPolicy: 'cache-and-network',
  });
  const failure = toFailure(result.error);
  const page = result.data?.rooms;
  if (failure && !page)
    return (
      <FailureNote title={texts.rooms.failed} failure={failure} retry={() => load({ requestPolicy: 'network-only' })} />
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
      <Button variant="primary" onClick={() => navigate({ screen: 'new-room' })}>
        {texts.rooms.create}
      </Button>
    </EmptyState>
  );
}
