"""What each recording says. A recording that is not here says nothing to us."""

from datetime import datetime

from conversations.whatsapp import (
    Address,
    IncomingMessage,
    Kind,
    MessageDeleted,
    MessageEdited,
    Origin,
    StatusUpdate,
)
from evolution.connection import (
    ConnectionChanged,
    InstanceClosed,
    InstanceRemoved,
    QRCodeChanged,
    QRLimitReached,
)

ALICE_PHONE = Address("5511988887777@s.whatsapp.net")
ALICE_LID = Address(lid="239513548562601@lid")
ALICE = Address("5511988887777@s.whatsapp.net", "239513548562601@lid")
BOB = Address("5511977776666@s.whatsapp.net", "305628633182105@lid")
OUR_PHONE = Address("5511999990009@s.whatsapp.net")
OURSELVES = Address("5511999990009@s.whatsapp.net", "271357031895794@lid")
NOBODY = Address()
GROUP = "120363000000000001@g.us"
OLD_GROUP = "120363000000000002@g.us"

CONNECTING = ConnectionChanged("wa1", "connecting", 200)
OPEN = ConnectionChanged("wa1", "open", 200, "5511999990009@s.whatsapp.net")
OPEN_CLINIC = ConnectionChanged(
    "wa1", "open", 200, "5511999990009@s.whatsapp.net", "Clinic"
)


def _message(text: str, origin: Origin, chat: Address, fields: dict) -> IncomingMessage:
    """The test puts in the id and the time, which each recording has of its own."""
    from_me = origin is not Origin.CONTACT
    group_jid = fields.get("group_jid", "")
    values = {
        "instance": "wa1",
        "whatsapp_id": "",
        "origin": origin,
        "from_me": from_me,
        "chat": NOBODY if group_jid else chat,
        "group_jid": "",
        "sender": NOBODY if from_me else (ALICE if group_jid else chat),
        "sender_name": "" if from_me else "Alice",
        "kind": Kind.TEXT,
        "text": text,
        "sent_at": None,
    }
    return IncomingMessage(**{**values, **fields})


def inbound(text: str, chat: Address = ALICE, **fields: object) -> IncomingMessage:
    return _message(text, Origin.CONTACT, chat, fields)


def typed(text: str, chat: Address = ALICE, **fields: object) -> IncomingMessage:
    return _message(text, Origin.PHONE, chat, fields)


def sent(text: str, chat: Address = ALICE_PHONE, **fields: object) -> IncomingMessage:
    return _message(text, Origin.API, chat, fields)


EVENTS = {
    "webhooks-2.3.6/dm_extended_text_link/03-messages.upsert": inbound(
        "see https://example.org"
    ),
    "webhooks-2.3.6/dm_fromMe_phone_lid/02-messages.upsert": typed(
        "typed on my phone (lid)"
    ),
    "webhooks-2.3.6/dm_lid_conversation/03-messages.upsert": inbound("hello from lid"),
    "webhooks-2.3.6/dm_lid_no_alt/03-messages.upsert": inbound(
        "lid w/o pn", chat=Address(lid="241957812319606@lid")
    ),
    "webhooks-2.3.6/dm_pn_conversation/03-messages.upsert": inbound("hello bot"),
    "webhooks-2.3.6/dm_pn_no_alt/03-messages.upsert": inbound(
        "pn w/o lid", chat=Address("5511955553333@s.whatsapp.net", "")
    ),
    "webhooks-2.3.6/dm_quoted_reply/03-messages.upsert": inbound(
        "replying",
        quoted_id="3EB0000000000000000001",
        quoted_sender="5511999990009@s.whatsapp.net",
        quoted_text="orig",
    ),
    "webhooks-2.3.6/dm_to_self_phone/02-messages.upsert": typed(
        "note to self", chat=OURSELVES
    ),
    "webhooks-2.3.6/group_fromMe_phone/02-messages.upsert": typed(
        "me in group", group_jid=GROUP
    ),
    "webhooks-2.3.6/group_invite/03-messages.upsert": inbound(
        "Family\njoin", kind=Kind.INVITE
    ),
    "webhooks-2.3.6/group_lid_no_alt/03-messages.upsert": inbound(
        "hi group no alt", group_jid=GROUP, sender=ALICE_LID
    ),
    "webhooks-2.3.6/group_lid_text/03-messages.upsert": inbound(
        "hi group", group_jid=GROUP
    ),
    "webhooks-2.3.6/group_pn_text/03-messages.upsert": inbound(
        "hi old group", group_jid=OLD_GROUP
    ),
    "webhooks-2.3.6/send/group_text/01-send.message": sent(
        "hello group", group_jid=GROUP
    ),
    "webhooks-2.3.6/send/group_text_everyone/01-send.message": sent(
        "all",
        group_jid=GROUP,
        mentions=("239513548562601@lid", "271357031895794@lid", "305628633182105@lid"),
    ),
    "webhooks-2.3.6/send/group_text_mentioned/01-send.message": sent(
        "@5511988887777 hi", group_jid=GROUP, mentions=("5511988887777@s.whatsapp.net",)
    ),
    "webhooks-2.3.6/send/group_text_quoted/01-send.message": sent(
        "re",
        group_jid=GROUP,
        quoted_id="X1",
        quoted_sender="239513548562601@lid",
        quoted_text="hi group",
    ),
    "webhooks/baileys_offline/01-connection.update": CONNECTING,
    "webhooks/baileys_offline/02-connection.update": CONNECTING,
    "webhooks/baileys_offline/04-connection.update": CONNECTING,
    "webhooks/baileys_offline/22-remove.instance": InstanceRemoved("wa0"),
    "webhooks/baileys_pairing/02-connection.update": CONNECTING,
    "webhooks/baileys_pairing/03-qrcode.updated": QRCodeChanged(
        "wa1",
        code="2@vcPztx3OtYiSBEclRIqZ7yPYwVxgHjEH,nmddQSFjy2OysNhRoBGPIz++XFIt1ff49iA4dW9jkFE=,v7P1nSxaDFY1YZM6VjltSKJ54crjOnmzP+7Wa/Lizyw=,iig13jWqMNHrtfzSVqQMnf8I2ged8YvmLNwFkTO2EzY=",
    ),
    "webhooks/baileys_pairing/04-connection.update": CONNECTING,
    "webhooks/baileys_pairing/05-connection.update": OPEN,
    "webhooks/base64/media_gone_404/01-messages.upsert": inbound(
        "", kind=Kind.IMAGE, media={"mimetype": "image/jpeg", "bytes": 10}
    ),
    "webhooks/base64/set_false_after_restart/01-messages.upsert": inbound(
        "",
        kind=Kind.VOICE,
        media={"mimetype": "audio/ogg; codecs=opus", "seconds": 1, "bytes": 1},
    ),
    "webhooks/base64/set_false_not_reconnected/01-messages.upsert": inbound(
        "",
        kind=Kind.VOICE,
        media={"mimetype": "audio/ogg; codecs=opus", "seconds": 1, "bytes": 1},
    ),
    "webhooks/base64/set_false_not_reconnected/05-connection.update": CONNECTING,
    "webhooks/base64/set_false_not_reconnected/06-connection.update": OPEN,
    "webhooks/base64/set_true_not_reconnected/01-messages.upsert": inbound(
        "",
        kind=Kind.VOICE,
        media={"mimetype": "audio/ogg; codecs=opus", "seconds": 1, "bytes": 1},
    ),
    "webhooks/base64/set_true_not_reconnected/05-connection.update": CONNECTING,
    "webhooks/base64/set_true_not_reconnected/06-connection.update": OPEN,
    "webhooks/conn/connect_after_logout/01-connection.update": CONNECTING,
    "webhooks/conn/connect_after_logout/02-qrcode.updated": QRCodeChanged(
        "wa1",
        code="2@ACgiDsfgSnK+BT4Jrlmo6MxTB25xDgXu,nYkIUqz/7ygdoTYimtQKmg1Ewaa9W75VVSH/fShbJHw=,RaguSJx5Ll53ERr2x1YQyhm849bCoiNKqIXdIGhrJkI=,UEblpu7ZS1jFJG/TFW/anAAgsrYAgJ5d1IVYHc9DtoM=",
    ),
    "webhooks/conn/connect_after_logout/03-connection.update": CONNECTING,
    "webhooks/conn/connect_after_logout/04-connection.update": OPEN,
    "webhooks/conn/connect_after_unlink/01-connection.update": CONNECTING,
    "webhooks/conn/connect_after_unlink/02-qrcode.updated": QRCodeChanged(
        "wa1",
        code="2@BX17fUA/ZdyvCopEGf44oPBag+D0MZ36,XTugFAok4++/aHu1Ht7qfcIGZCGErbiAFWbl467h4VY=,HfO66Z9ziDhGvFtr8T4eAZms/a6MmW3JhuAbYcRvGhY=,tTlLAbeFXAYJ32UBZ2U27BSuiUUP50PxsfcDKwH6V0g=",
    ),
    "webhooks/conn/connect_after_unlink/03-connection.update": CONNECTING,
    "webhooks/conn/connect_after_unlink/04-connection.update": OPEN,
    "webhooks/conn/restart_when_open/01-connection.update": CONNECTING,
    "webhooks/conn/restart_when_open/02-connection.update": OPEN_CLINIC,
    "webhooks/conn/send_ack_error_463/01-send.message": sent("nack me"),
    "webhooks/conn/send_ack_error_463/02-messages.update": StatusUpdate(
        "wa1", "3EB0A96702EB307652A79A", status="failed"
    ),
    "webhooks/conn/send_after_logout_and_repair/01-send.message": sent(
        "sending works?"
    ),
    "webhooks/conn/send_for_lid_receipt/01-send.message": sent("lid receipt"),
    "webhooks/conn/send_no_ack/01-send.message": sent("no ack"),
    "webhooks/conn/stream_error_503/01-connection.update": CONNECTING,
    "webhooks/conn/stream_error_503/02-connection.update": OPEN_CLINIC,
    "webhooks/conn/stream_error_515_restart_required/01-connection.update": CONNECTING,
    "webhooks/conn/stream_error_515_restart_required/02-connection.update": OPEN_CLINIC,
    "webhooks/conn/stream_error_conflict_replaced/01-connection.update": CONNECTING,
    "webhooks/conn/stream_error_conflict_replaced/02-connection.update": OPEN_CLINIC,
    "webhooks/conn/ws_closed_by_server/01-connection.update": CONNECTING,
    "webhooks/conn/ws_closed_by_server/02-connection.update": OPEN_CLINIC,
    "webhooks/evolution_channel_messages/01-messages.upsert": inbound(
        "hello bot", instance="evo1", chat=ALICE_PHONE
    ),
    "webhooks/evolution_channel_messages/04-messages.upsert": inbound(
        "hello bot", instance="evo1", chat=ALICE_PHONE
    ),
    "webhooks/evolution_channel_messages/08-messages.upsert": inbound(
        "@5511999990001 hi",
        instance="evo1",
        group_jid=GROUP,
        sender=NOBODY,
        mentions=("5511999990001@s.whatsapp.net",),
    ),
    "webhooks/evolution_channel_messages/26-send.message": sent(
        "hi from api", instance="evo1"
    ),
    "webhooks/evolution_channel_messages/27-send.message": sent(
        "hi jid", instance="evo1"
    ),
    "webhooks/evolution_channel_messages/28-send.message": sent(
        "quoting", instance="evo1", quoted_id="IN1"
    ),
    "webhooks/evolution_channel_messages/41-remove.instance": InstanceRemoved("tok1"),
    "webhooks/global_webhook/01-messages.upsert": inbound("global?"),
    "webhooks/global_webhook/02-messages.upsert": inbound("global?"),
    "webhooks/global_webhook/07-send.message": sent(
        "x", chat=Address("553177776666@s.whatsapp.net", "")
    ),
    "webhooks/global_webhook/08-send.message": sent(
        "x", chat=Address("553177776666@s.whatsapp.net", "")
    ),
    "webhooks/global_webhook/11-connection.update": CONNECTING,
    "webhooks/global_webhook/12-connection.update": OPEN,
    "webhooks/head_of_line/01-messages.edited": MessageEdited(
        "wa1",
        "3EB0IMG000000000000001",
        text="hol",
        told_at=datetime.fromisoformat("2026-11-22T09:43:42.992Z"),
    ),
    "webhooks/head_of_line/02-messages.edited": MessageEdited(
        "wa1",
        "3EB0IMG000000000000001",
        text="hol",
        told_at=datetime.fromisoformat("2026-11-22T09:43:42.992Z"),
    ),
    "webhooks/head_of_line/03-messages.edited": MessageEdited(
        "wa1",
        "3EB0IMG000000000000001",
        text="hol",
        told_at=datetime.fromisoformat("2026-11-22T09:43:42.992Z"),
    ),
    "webhooks/head_of_line/04-messages.update": MessageEdited(
        "wa1",
        "3EB0IMG000000000000001",
        text="hol",
        told_at=datetime.fromisoformat("2026-11-22T09:43:57.289Z"),
    ),
    "webhooks/head_of_line/07-messages.upsert": inbound(
        "blocked? 1", chat=BOB, sender_name="Bob"
    ),
    "webhooks/head_of_line/11-messages.upsert": inbound(
        "blocked? 0", chat=BOB, sender_name="Bob"
    ),
    "webhooks/head_of_line/15-messages.upsert": inbound(
        "blocked? 2", chat=BOB, sender_name="Bob"
    ),
    "webhooks/login_refused/403_forbidden/01-connection.update": CONNECTING,
    "webhooks/login_refused/403_forbidden/02-status.instance": InstanceClosed(
        "wa1", reason_code=403, reason_text="Connection Failure"
    ),
    "webhooks/login_refused/403_forbidden/03-logout.instance": InstanceClosed("wa1"),
    "webhooks/login_refused/403_forbidden/04-connection.update": ConnectionChanged(
        "wa1", "close", reason=403
    ),
    "webhooks/login_refused/403_forbidden/05-connection.update": CONNECTING,
    "webhooks/login_refused/403_forbidden/06-qrcode.updated": QRCodeChanged(
        "wa1",
        code="2@ps+tCh436xh6Rv668rCcQPMTqVQBH474,5dw3DITTTFLUxBftwXUNyDuTZKAcN1pG6emPxUhjFjM=,eOyDsNGkcUVvbTfsy0Il3Pn1bJP8Htw2koyw1uED43s=,+iBD66lbYVpoOKndYPkwoHBeRO8UMnrTfSLqFK+VUHE=",
    ),
    "webhooks/login_refused/405_storm/01-connection.update": CONNECTING,
    "webhooks/login_refused/405_storm/02-connection.update": CONNECTING,
    "webhooks/login_refused/405_storm/03-connection.update": CONNECTING,
    "webhooks/messages/ad_click_to_whatsapp/01-messages.upsert": inbound(
        "I saw your ad"
    ),
    "webhooks/messages/after_logout_and_repair/01-messages.upsert": inbound(
        "hello after logout+re-pair"
    ),
    "webhooks/messages/after_restart2/01-messages.upsert": inbound(
        "after restart (25s later)"
    ),
    "webhooks/messages/after_unlink_and_repair/01-messages.upsert": inbound(
        "hello after re-pair"
    ),
    "webhooks/messages/album/01-messages.upsert": inbound("", kind=Kind.ALBUM),
    "webhooks/messages/audio_voice_note/01-messages.upsert": inbound(
        "",
        kind=Kind.VOICE,
        media={"mimetype": "audio/ogg; codecs=opus", "seconds": 3, "bytes": 13},
    ),
    "webhooks/messages/burst_20/01-messages.upsert": inbound("burst 0"),
    "webhooks/messages/burst_20/05-messages.upsert": inbound("burst 1"),
    "webhooks/messages/burst_20/09-messages.upsert": inbound("burst 2"),
    "webhooks/messages/comment_event/01-messages.upsert": inbound(
        "Party", kind=Kind.EVENT, media={"starts_at": "2026-11-23T02:13:20+00:00"}
    ),
    "webhooks/messages/contact/01-messages.upsert": inbound("Bob", kind=Kind.CONTACT),
    "webhooks/messages/context_info_only/01-messages.upsert": inbound(
        "", kind=Kind.UNKNOWN
    ),
    "webhooks/messages/dm_extended_text_link/01-messages.upsert": inbound(
        "see https://example.org"
    ),
    "webhooks/messages/dm_fromMe_phone_lid/01-messages.upsert": typed(
        "typed on my phone (lid)", chat=ALICE_PHONE
    ),
    "webhooks/messages/dm_lid_conversation/01-messages.upsert": inbound(
        "hello from lid", chat=ALICE_PHONE
    ),
    "webhooks/messages/dm_lid_no_alt/01-messages.upsert": inbound(
        "lid w/o pn", chat=Address(lid="241957812319606@lid")
    ),
    "webhooks/messages/dm_pn_conversation/01-messages.upsert": inbound("hello bot"),
    "webhooks/messages/dm_pn_no_alt/01-messages.upsert": inbound(
        "pn w/o lid", chat=Address("5511955553333@s.whatsapp.net", "")
    ),
    "webhooks/messages/dm_quoted_reply/01-messages.upsert": inbound(
        "replying",
        quoted_id="3EB0000000000000000001",
        quoted_sender="5511999990009@s.whatsapp.net",
        quoted_text="orig",
    ),
    "webhooks/messages/dm_to_self_phone/01-messages.upsert": typed(
        "note to self", chat=OURSELVES
    ),
    "webhooks/messages/document_with_caption/01-messages.upsert": inbound(
        "here it is",
        kind=Kind.DOCUMENT,
        media={"mimetype": "application/pdf", "file_name": "invoice.pdf", "bytes": 13},
    ),
    "webhooks/messages/edit_protocol/01-messages.edited": MessageEdited(
        "wa1",
        "3EB0EDIT00000000000001",
        text="hello!",
        told_at=datetime.fromisoformat("2026-11-22T09:34:37.241Z"),
    ),
    "webhooks/messages/edit_protocol/02-messages.update": MessageEdited(
        "wa1",
        "3EB0EDIT00000000000001",
        text="hello!",
        told_at=datetime.fromisoformat("2026-11-22T09:34:37.269Z"),
    ),
    "webhooks/messages/edit_unknown_original/01-messages.edited": MessageEdited(
        "wa1",
        "3EB0UNKNOWN",
        text="zzz",
        told_at=datetime.fromisoformat("2026-11-22T09:34:40.254Z"),
    ),
    "webhooks/messages/empty_message/01-messages.upsert": inbound(
        "", kind=Kind.UNKNOWN
    ),
    "webhooks/messages/ephemeral_plain/01-messages.upsert": inbound(
        "disappearing text 2"
    ),
    "webhooks/messages/forwarded/01-messages.upsert": inbound("fwd"),
    "webhooks/messages/group_fromMe_phone/01-messages.upsert": typed(
        "me in group", group_jid=GROUP
    ),
    "webhooks/messages/group_invite/01-messages.upsert": inbound(
        "Family\njoin", kind=Kind.INVITE
    ),
    "webhooks/messages/group_lid_no_alt/01-messages.upsert": inbound(
        "hi group no alt", group_jid=GROUP, sender=ALICE_LID
    ),
    "webhooks/messages/group_lid_text/01-messages.upsert": inbound(
        "hi group", group_jid=GROUP
    ),
    "webhooks/messages/group_pn_text/01-messages.upsert": inbound(
        "hi old group", group_jid=OLD_GROUP
    ),
    "webhooks/messages/image_in_ephemeral/01-messages.upsert": inbound(
        "disappearing text"
    ),
    "webhooks/messages/interactive_response/01-messages.upsert": inbound("ok"),
    "webhooks/messages/list_response/01-messages.upsert": inbound("Row 1"),
    "webhooks/messages/location/01-messages.upsert": inbound(
        "Clinic\nAv. Paulista 1",
        kind=Kind.LOCATION,
        media={"latitude": -23.55, "longitude": -46.63},
    ),
    "webhooks/messages/pin/01-messages.upsert": inbound(
        "", kind=Kind.PIN, quoted_id="X"
    ),
    "webhooks/messages/poll_vote/01-messages.upsert": inbound(
        "", kind=Kind.POLL_VOTE, quoted_id="3EB0POLL00000000000001"
    ),
    "webhooks/messages/process_restart/01-connection.update": CONNECTING,
    "webhooks/messages/process_restart/02-connection.update": OPEN_CLINIC,
    "webhooks/messages/process_restart/03-messages.upsert": inbound("while down 0"),
    "webhooks/messages/process_restart/05-messages.upsert": inbound(
        "while down 1", chat=Address(lid="241957812319606@lid")
    ),
    "webhooks/messages/process_restart/07-messages.upsert": inbound("while down 2"),
    "webhooks/messages/ptv_video_note/01-messages.upsert": inbound(
        "",
        kind=Kind.VIDEO_NOTE,
        media={"mimetype": "video/mp4", "seconds": 2, "bytes": 8},
    ),
    "webhooks/messages/reaction_remove/01-messages.upsert": inbound(
        "", kind=Kind.REACTION, quoted_id="3EB0IMG000000000000001"
    ),
    "webhooks/messages/revoke_unknown/01-messages.edited": MessageDeleted(
        "wa1", "3EB0UNKNOWN2"
    ),
    "webhooks/messages/template_button_reply/01-messages.upsert": inbound("Ok"),
    "webhooks/messages/to_be_edited/01-messages.upsert": inbound("helo"),
    "webhooks/messages/video/01-messages.upsert": inbound(
        "clip",
        kind=Kind.VIDEO,
        media={"mimetype": "video/mp4", "seconds": 4, "bytes": 14},
    ),
    "webhooks/messages/view_once_image/01-messages.upsert": inbound(
        "", kind=Kind.IMAGE, media={"mimetype": "image/png", "bytes": 75}
    ),
    "webhooks/misc/01-connection.update": CONNECTING,
    "webhooks/misc/02-connection.update": OPEN,
    "webhooks/pairing_code/01-connection.update": ConnectionChanged(
        "wap", "connecting", reason=200
    ),
    "webhooks/pairing_code/02-qrcode.updated": QRCodeChanged(
        "wap",
        code="2@16OC/4tYllpAKqEjuwRyWk+aITy6Z/wT,UtK16S6uPZ+xq7Et6kurjEbcIpa+NA2jD7z1fkqZT0A=,RJYUbhNnr3pNoOrnaJ6Ok0L1DmUjOgU6VbqvqOAVDkE=,60mN6sumnzbifZtPP5tSc1M5whcziQHPtpyVHVzNPn8=",
        pairing_code="6R4FJPG8",
    ),
    "webhooks/pairing_code/03-status.instance": InstanceClosed(
        "wap", reason_code=401, reason_text="Log out instance: wap"
    ),
    "webhooks/pairing_code/04-connection.update": ConnectionChanged(
        "wap", "close", reason=401
    ),
    "webhooks/pairing_code/05-logout.instance": InstanceClosed("wap"),
    "webhooks/pairing_code/06-remove.instance": InstanceRemoved("wap"),
    "webhooks/pairing_code/07-connection.update": ConnectionChanged(
        "wap2", "connecting", reason=200
    ),
    "webhooks/pairing_code/08-qrcode.updated": QRCodeChanged(
        "wap2",
        code="2@y/6wVklECQ0I4v90P9RHncPIufnBeyih,4d9N3NzMeGkUkxkqkCtLc4uQrrENLFIbY0e2/G2iFiM=,Ioohg3RUsiYbTKuXmeGCQtGYOCR7EoWoNeFqdQw+1B4=,3Yk6a7OO2DwGYdfuBDeqxm39m6x3am9GmSGm0cKn1iE=",
        pairing_code="GBFH8Y54",
    ),
    "webhooks/pairing_code/09-status.instance": InstanceClosed(
        "wap2", reason_code=401, reason_text="Log out instance: wap2"
    ),
    "webhooks/pairing_code/10-logout.instance": InstanceClosed("wap2"),
    "webhooks/pairing_code/12-remove.instance": InstanceRemoved("wap2"),
    "webhooks/qr_limit/01-connection.update": ConnectionChanged(
        "waq", "connecting", reason=200
    ),
    "webhooks/qr_limit/02-qrcode.updated": QRCodeChanged(
        "waq",
        code="2@xVdyqWkbNt+Xd+24uygtYVYHjKOvxcM9,HhNRdcIK9GBFkWH1DFFb3yF54NbdWpKIvHKduVYwKGQ=,BEiBwE9AlbfRTmnudTSK/o5v7lFtNJQrUODYA41P6V4=,9QCTvDWYTZq8FH0K4XxZl6I2/Zvh0SvofL6sHXO6pVg=",
    ),
    "webhooks/qr_limit/03-qrcode.updated": QRCodeChanged(
        "waq",
        code="2@Q0LR6p+zkmhy42YVhvpUonJ2wqEtVKMg,HhNRdcIK9GBFkWH1DFFb3yF54NbdWpKIvHKduVYwKGQ=,BEiBwE9AlbfRTmnudTSK/o5v7lFtNJQrUODYA41P6V4=,9QCTvDWYTZq8FH0K4XxZl6I2/Zvh0SvofL6sHXO6pVg=",
    ),
    "webhooks/qr_limit/04-qrcode.updated": QRLimitReached(
        "waq", message="QR code limit reached, please login again"
    ),
    "webhooks/qr_limit/05-connection.update": ConnectionChanged(
        "waq", "refused", reason=428
    ),
    "webhooks/qr_limit/06-connection.update": ConnectionChanged(
        "waq", "connecting", reason=200
    ),
    "webhooks/qr_limit/08-logout.instance": InstanceClosed("waq"),
    "webhooks/qr_limit/10-status.instance": InstanceClosed(
        "waq", reason_code=401, reason_text="Log out instance: waq"
    ),
    "webhooks/qr_limit/11-remove.instance": InstanceRemoved("waq"),
    "webhooks/realistic/absent_then_resent_2/01-messages.upsert": inbound(
        "now readable 2", chat=ALICE_PHONE
    ),
    "webhooks/realistic/dm_empty_text/01-messages.upsert": inbound(""),
    "webhooks/realistic/dm_long_unicode/01-messages.upsert": inbound("ação 😀 " * 400),
    "webhooks/realistic/dm_no_pushname/01-messages.upsert": inbound(
        "no name", sender_name=""
    ),
    "webhooks/realistic/dm_text_android/01-messages.upsert": inbound(
        "oi", chat=ALICE_PHONE
    ),
    "webhooks/realistic/dm_text_ios/01-messages.upsert": inbound(
        "oi, tudo bem?", chat=ALICE_PHONE
    ),
    "webhooks/realistic/group_mention_bot_lid/01-messages.upsert": inbound(
        "@271357031895794 qual o preço?",
        group_jid=GROUP,
        mentions=("271357031895794@lid",),
    ),
    "webhooks/realistic/group_reply_to_bot/01-messages.upsert": inbound(
        "e amanhã?",
        group_jid=GROUP,
        quoted_id="3EB0AAAA",
        quoted_sender="271357031895794@lid",
        quoted_text="Abrimos às 8h",
    ),
    "webhooks/realistic/group_text_android/01-messages.upsert": inbound(
        "bom dia", group_jid=GROUP
    ),
    "webhooks/realistic/placeholder_mask_linked_devices/01-messages.upsert": inbound(
        "", kind=Kind.HIDDEN
    ),
    "webhooks/realistic/undecryptable_then_resent_2/01-messages.upsert": inbound(
        "now readable", chat=ALICE_PHONE
    ),
    "webhooks/receipts/delivered/01-messages.update": StatusUpdate(
        "wa1", "3EB0973F50BB8D48DF97AA", status="delivered"
    ),
    "webhooks/receipts/read/01-messages.update": StatusUpdate(
        "wa1", "3EB0973F50BB8D48DF97AA", status="read"
    ),
    "webhooks/receipts/read_again/01-messages.update": StatusUpdate(
        "wa1", "3EB0973F50BB8D48DF97AA", status="read"
    ),
    "webhooks/reordering/01-messages.upsert": inbound(
        "order 0", chat=BOB, sender_name="Bob"
    ),
    "webhooks/reordering/05-messages.upsert": inbound(
        "order 1", chat=BOB, sender_name="Bob"
    ),
    "webhooks/reordering/09-messages.upsert": inbound(
        "order 0", chat=BOB, sender_name="Bob"
    ),
    "webhooks/send/audio_base64/01-send.message": sent(
        "", kind=Kind.VOICE, media={"mimetype": "audio/ogg; codecs=opus", "bytes": 0}
    ),
    "webhooks/send/buttons/01-send.message": sent("*T*\n\nD\n"),
    "webhooks/send/contact/01-send.message": sent("Bob", kind=Kind.CONTACT),
    "webhooks/send/delete_message/01-messages.delete": MessageDeleted(
        "wa1", "3EB0973F50BB8D48DF97AA"
    ),
    "webhooks/send/group_text/01-send.message": sent("hello group", group_jid=GROUP),
    "webhooks/send/group_text_everyone/01-send.message": sent(
        "all",
        group_jid=GROUP,
        mentions=("239513548562601@lid", "271357031895794@lid", "305628633182105@lid"),
    ),
    "webhooks/send/group_text_mentioned/01-send.message": sent(
        "@5511988887777 hi", group_jid=GROUP, mentions=("5511988887777@s.whatsapp.net",)
    ),
    "webhooks/send/group_text_quoted/01-send.message": sent(
        "re",
        group_jid=GROUP,
        quoted_id="X1",
        quoted_sender="239513548562601@lid",
        quoted_text="hi group",
    ),
    "webhooks/send/location/01-send.message": sent(
        "Clinic\nx", kind=Kind.LOCATION, media={"latitude": -23.5, "longitude": -46.6}
    ),
    "webhooks/send/media_document/01-send.message": sent(
        "",
        kind=Kind.DOCUMENT,
        media={"mimetype": "application/pdf", "file_name": "a.pdf", "bytes": 8},
    ),
    "webhooks/send/media_image_base64/01-send.message": sent(
        "cap", kind=Kind.IMAGE, media={"mimetype": "image/png", "bytes": 270}
    ),
    "webhooks/send/poll/01-send.message": sent("Q?\n- a\n- b", kind=Kind.POLL),
    "webhooks/send/reaction/01-send.message": sent(
        "👍", kind=Kind.REACTION, quoted_id="3EB0000000000000000001"
    ),
    "webhooks/send/reaction_remove/01-send.message": sent(
        "", kind=Kind.REACTION, quoted_id="3EB0000000000000000001"
    ),
    "webhooks/send/sticker/01-send.message": sent(
        "", kind=Kind.STICKER, media={"mimetype": "image/webp", "bytes": 68}
    ),
    "webhooks/send/text/01-send.message": sent("Hi Alice"),
    "webhooks/send/text_delay/01-send.message": sent("typed slowly"),
    "webhooks/send/text_formatted_number/01-send.message": sent("fmt"),
    "webhooks/send/text_lid_jid/01-send.message": sent("to lid"),
    "webhooks/send/text_quoted_full/01-send.message": sent(
        "re2",
        quoted_id="3EB0000000000000000001",
        quoted_sender="5511988887777@s.whatsapp.net",
        quoted_text="hello bot",
    ),
    "webhooks/send/text_quoted_key_only/01-send.message": sent(
        "re",
        quoted_id="3EB0000000000000000001",
        quoted_sender="5511988887777@s.whatsapp.net",
        quoted_text="hello bot",
    ),
    "webhooks/send/text_quoted_unknown/01-send.message": sent("re3"),
    "webhooks/send/text_unknown_lid/01-send.message": sent(
        "to unknown lid", chat=Address(lid="999999999999999@lid")
    ),
    "webhooks/send/text_with_token/01-send.message": sent("with token"),
    "webhooks/send/update_message/01-send.message.update": MessageEdited(
        "wa1",
        "3EB0973F50BB8D48DF97AA",
        text="Hi Alice (edited)",
        told_at=datetime.fromisoformat("2026-11-22T09:35:51.245Z"),
    ),
    "webhooks/settings/dm_when_readMessages/01-messages.upsert": inbound("auto read"),
    "webhooks/terminal/api_logout/01-logout.instance": InstanceClosed("wa1"),
    "webhooks/terminal/api_logout/02-connection.update": ConnectionChanged(
        "wa1", "close", reason=401
    ),
    "webhooks/terminal/api_logout/03-status.instance": InstanceClosed(
        "wa1", reason_code=401, reason_text="Log out instance: wa1"
    ),
    "webhooks/terminal/unlinked_on_phone/01-connection.update": ConnectionChanged(
        "wa1", "close", reason=401
    ),
    "webhooks/terminal/unlinked_on_phone/02-logout.instance": InstanceClosed("wa1"),
    "webhooks/terminal/unlinked_on_phone/03-status.instance": InstanceClosed(
        "wa1", reason_code=401, reason_text="Stream Errored (conflict), device_removed"
    ),
    "webhooks/webhook_delivery/01-send.message": sent("case s200", instance="d_s200"),
    "webhooks/webhook_delivery/02-send.message": sent("case s201", instance="d_s201"),
    "webhooks/webhook_delivery/03-send.message": sent("case s204", instance="d_s204"),
    "webhooks/webhook_delivery_204/01-send.message": sent("204", instance="d204"),
    "reconstructed/messages.upsert.s3_media": inbound(
        "",
        kind=Kind.VOICE,
        chat=ALICE_PHONE,
        media={
            "mimetype": "audio/ogg; codecs=opus",
            "seconds": 3,
            "url": "https://minio.example/evolution/<instanceId>/5511988887777@s.whatsapp.net/audio/1795340000000_3A01.oga?X-Amz-...",
        },
    ),
    "reconstructed/messages.upsert.speech_to_text": inbound(
        "good morning", kind=Kind.VOICE, chat=ALICE_PHONE, media={"seconds": 3}
    ),
}

# Where more than our number is learned: from our own messages.
OWN_ADDRESSES = {
    "webhooks-2.3.6/dm_fromMe_phone_lid/02-messages.upsert": (OUR_PHONE, "Clinic"),
    "webhooks-2.3.6/dm_to_self_phone/02-messages.upsert": (OURSELVES, "Clinic"),
    "webhooks-2.3.6/group_fromMe_phone/02-messages.upsert": (OURSELVES, "Clinic"),
    "webhooks/messages/dm_fromMe_phone_lid/01-messages.upsert": (OUR_PHONE, "Clinic"),
    "webhooks/messages/dm_to_self_phone/01-messages.upsert": (OURSELVES, "Clinic"),
    "webhooks/messages/group_fromMe_phone/01-messages.upsert": (OURSELVES, "Clinic"),
}
