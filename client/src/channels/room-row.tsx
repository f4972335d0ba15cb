import { useMutation } from 'urql';
import { JoinRoomDocument, type RoomsQuery } from '../gql/graphql.ts';
import { RoomAvatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { FailureNote } from '../ui/notice.tsx';
import { href, navigate } from '../ui/route.ts';
import { texts } from '../ui/texts.ts';
import { toFailure } from '../urql/errors.ts';
import { useChannels } from './context.ts';

type Room = NonNullable<RoomsQuery['rooms']>['nodes'][number];

/** A room in the list of rooms, with a button to join or open it. */
export function RoomRow({ room }: { room: Room }) {
  const channels = useChannels();
  const [result, join] = useMutation(JoinRoomDocument);
  const failure = toFailure(result.error);
  const name = room.name ?? '';

  async function joinAndOpen() {
    const { data } = await join({ channelId: room.id });
    if (!data?.joinRoom) return;
    channels.put(data.joinRoom);
    navigate({ screen: 'channel', channelId: room.id });
  }

  return (
    <li className="room-row">
      <RoomAvatar />
      <div className="room-row-text">
        <p className="room-row-name">{name}</p>
        <p className="room-row-note">{texts.rooms.members(room.memberCount)}</p>
      </div>
      {room.viewerMembership === null ? (
        <Button
          variant="primary"
          isBusy={result.fetching}
          aria-label={`${texts.rooms.join} ${name}`}
          onClick={joinAndOpen}
        >
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
