/**
 * Who may do what, where: one line for each deed, one column for each standing, stated by hand. Judged by the design (20, "Refusals:
 * which one"; rows C1, C2, P7), not taken from the tables of the rules. A cell is one of
 *
 * - `ok`: done; where the deed changes the channel, that is logged
 * - `same`: ok, and nothing changes, since it is so already (rule B1)
 * - `none`: `not_found`, there is no such thing, or the asker may not know of it
 * - `away`: `not_a_member`, known and not joined
 * - `no`: `forbidden`, joined, and not for this role
 * - `muted`, `banned`
 * - `shown`, `hidden`: always answered, with something of the channel or person, or with nothing of it
 */

/** `topic`: its space's members come in by themselves, and any member invites. */
export const TOPIC = `
                              | outsider | elsewhere | neighbour | invited | left   | banned | expelled | guest  | muted  | member | blocked | moderator | admin  | owner
find it in one's lists        | hidden   | hidden    | hidden    | hidden  | hidden | hidden | hidden   | shown  | shown  | shown  | shown   | shown     | shown  | shown
find it in its space's list   | away     | away      | shown     | shown   | shown  | hidden | banned   | shown  | shown  | shown  | shown   | shown     | shown  | shown
resume it                     | hidden   | hidden    | hidden    | hidden  | hidden | hidden | hidden   | shown  | shown  | shown  | shown   | shown     | shown  | shown
search everywhere             | hidden   | hidden    | hidden    | hidden  | hidden | hidden | hidden   | shown  | shown  | shown  | shown   | shown     | shown  | shown
open it                       | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
read a message                | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
read how one's own was edited | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
read how another's was edited | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
stop listening                | ok       | ok        | ok        | ok      | ok     | ok     | ok       | ok     | ok     | ok     | ok      | ok        | ok     | ok
mark as read                  | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
mark a message as read        | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
choose what to be told        | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
follow a thread               | none     | none      | away      | away    | away   | banned | banned   | no     | ok     | ok     | ok      | ok        | ok     | ok
send                          | none     | none      | away      | away    | away   | banned | banned   | no     | muted  | ok     | ok      | ok        | ok     | ok
edit one's own                | none     | none      | away      | away    | away   | banned | banned   | no     | muted  | ok     | ok      | ok        | ok     | ok
edit another's                | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | no        | no     | no
delete one's own              | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
delete another's              | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
delete several of another's   | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
react                         | none     | none      | away      | away    | away   | banned | banned   | no     | muted  | ok     | ok      | ok        | ok     | ok
take a reaction back          | none     | none      | away      | away    | away   | banned | banned   | no     | muted  | ok     | ok      | ok        | ok     | ok
pin                           | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
unpin                         | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
type                          | none     | none      | away      | away    | away   | banned | banned   | no     | muted  | ok     | ok      | ok        | ok     | ok
invite                        | none     | none      | away      | away    | away   | banned | banned   | no     | ok     | ok     | ok      | ok        | ok     | ok
mute someone                  | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
give someone a role           | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | no        | ok     | ok
put someone out               | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
ban someone                   | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
rename                        | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | no        | ok     | ok
slow it down                  | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
archive                       | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | no        | ok     | ok
come in                       | none     | none      | ok        | ok      | ok     | banned | banned   | same   | same   | same   | same    | same      | same   | same
leave                         | none     | none      | away      | ok      | same   | same   | ok       | ok     | ok     | ok     | ok      | ok        | ok     | no
look at it as a space         | none     | none      | away      | away    | away   | banned | banned   | none   | none   | none   | none    | none      | none   | none
take it for a space           | none     | none      | none      | none    | none   | none   | none     | none   | none   | none   | none    | none      | none   | none
`;

/** `announcement`: moderators and above speak, and invite. */
export const ANNOUNCEMENT = `
                              | outsider | elsewhere | neighbour | invited | left   | banned | expelled | guest  | muted  | member | blocked | moderator | admin  | owner
find it in one's lists        | hidden   | hidden    | hidden    | hidden  | hidden | hidden | hidden   | shown  | shown  | shown  | shown   | shown     | shown  | shown
find it in its space's list   | away     | away      | shown     | shown   | shown  | hidden | banned   | shown  | shown  | shown  | shown   | shown     | shown  | shown
resume it                     | hidden   | hidden    | hidden    | hidden  | hidden | hidden | hidden   | shown  | shown  | shown  | shown   | shown     | shown  | shown
search everywhere             | hidden   | hidden    | hidden    | hidden  | hidden | hidden | hidden   | shown  | shown  | shown  | shown   | shown     | shown  | shown
open it                       | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
read a message                | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
read how one's own was edited | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
read how another's was edited | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
stop listening                | ok       | ok        | ok        | ok      | ok     | ok     | ok       | ok     | ok     | ok     | ok      | ok        | ok     | ok
mark as read                  | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
mark a message as read        | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
choose what to be told        | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
follow a thread               | none     | none      | away      | away    | away   | banned | banned   | no     | ok     | ok     | ok      | ok        | ok     | ok
send                          | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
edit one's own                | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
edit another's                | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | no        | no     | no
delete one's own              | none     | none      | away      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
delete another's              | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
delete several of another's   | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
react                         | none     | none      | away      | away    | away   | banned | banned   | no     | muted  | ok     | ok      | ok        | ok     | ok
take a reaction back          | none     | none      | away      | away    | away   | banned | banned   | no     | muted  | ok     | ok      | ok        | ok     | ok
pin                           | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
unpin                         | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
type                          | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
invite                        | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
mute someone                  | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
give someone a role           | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | no        | ok     | ok
put someone out               | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
ban someone                   | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
rename                        | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | no        | ok     | ok
slow it down                  | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
archive                       | none     | none      | away      | away    | away   | banned | banned   | no     | no     | no     | no      | no        | ok     | ok
come in                       | none     | none      | ok        | ok      | ok     | banned | banned   | same   | same   | same   | same    | same      | same   | same
leave                         | none     | none      | away      | ok      | same   | same   | ok       | ok     | ok     | ok     | ok      | ok        | ok     | no
look at it as a space         | none     | none      | away      | away    | away   | banned | banned   | none   | none   | none   | none    | none      | none   | none
take it for a space           | none     | none      | none      | none    | none   | none   | none     | none   | none   | none   | none    | none      | none   | none
`;

/** `private`, of a space: nobody knows of it who was not invited. */
export const PRIVATE = `
                              | outsider | elsewhere | neighbour | invited | left   | banned | expelled | guest  | muted  | member | blocked | moderator | admin  | owner
find it in one's lists        | hidden   | hidden    | hidden    | hidden  | hidden | hidden | hidden   | shown  | shown  | shown  | shown   | shown     | shown  | shown
find it in its space's list   | away     | away      | hidden    | hidden  | hidden | hidden | banned   | shown  | shown  | shown  | shown   | shown     | shown  | shown
resume it                     | hidden   | hidden    | hidden    | hidden  | hidden | hidden | hidden   | shown  | shown  | shown  | shown   | shown     | shown  | shown
search everywhere             | hidden   | hidden    | hidden    | hidden  | hidden | hidden | hidden   | shown  | shown  | shown  | shown   | shown     | shown  | shown
open it                       | none     | none      | none      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
read a message                | none     | none      | none      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
read how one's own was edited | none     | none      | none      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
read how another's was edited | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
stop listening                | ok       | ok        | ok        | ok      | ok     | ok     | ok       | ok     | ok     | ok     | ok      | ok        | ok     | ok
mark as read                  | none     | none      | none      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
mark a message as read        | none     | none      | none      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
choose what to be told        | none     | none      | none      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
follow a thread               | none     | none      | none      | away    | away   | banned | banned   | no     | ok     | ok     | ok      | ok        | ok     | ok
send                          | none     | none      | none      | away    | away   | banned | banned   | no     | muted  | ok     | ok      | ok        | ok     | ok
edit one's own                | none     | none      | none      | away    | away   | banned | banned   | no     | muted  | ok     | ok      | ok        | ok     | ok
edit another's                | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | no        | no     | no
delete one's own              | none     | none      | none      | away    | away   | banned | banned   | ok     | ok     | ok     | ok      | ok        | ok     | ok
delete another's              | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
delete several of another's   | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
react                         | none     | none      | none      | away    | away   | banned | banned   | no     | muted  | ok     | ok      | ok        | ok     | ok
take a reaction back          | none     | none      | none      | away    | away   | banned | banned   | no     | muted  | ok     | ok      | ok        | ok     | ok
pin                           | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
unpin                         | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
type                          | none     | none      | none      | away    | away   | banned | banned   | no     | muted  | ok     | ok      | ok        | ok     | ok
invite                        | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
mute someone                  | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
give someone a role           | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | no        | ok     | ok
put someone out               | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
ban someone                   | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
rename                        | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | no        | ok     | ok
slow it down                  | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | ok        | ok     | ok
archive                       | none     | none      | none      | away    | away   | banned | banned   | no     | no     | no     | no      | no        | ok     | ok
come in                       | none     | none      | none      | ok      | away   | banned | banned   | same   | same   | same   | same    | same      | same   | same
leave                         | none     | none      | none      | ok      | same   | same   | ok       | ok     | ok     | ok     | ok      | ok        | ok     | no
look at it as a space         | none     | none      | none      | away    | away   | banned | banned   | none   | none   | none   | none    | none      | none   | none
take it for a space           | none     | none      | none      | none    | none   | none   | none     | none   | none   | none   | none    | none      | none   | none
`;

/** `space`: anyone may know of it and come in; nobody talks in it. */
export const SPACE = `
                                    | outsider | elsewhere | invited | left   | banned | guest  | muted  | member | blocked | moderator | admin  | owner
find it in one's lists              | hidden   | hidden    | hidden  | hidden | hidden | shown  | shown  | shown  | shown   | shown     | shown  | shown
resume it                           | hidden   | hidden    | hidden  | hidden | hidden | shown  | shown  | shown  | shown   | shown     | shown  | shown
search everywhere                   | hidden   | hidden    | hidden  | hidden | hidden | hidden | hidden | hidden | hidden  | hidden    | hidden | hidden
open it                             | away     | away      | away    | away   | banned | ok     | ok     | ok     | ok      | ok        | ok     | ok
read a message                      | away     | away      | away    | away   | banned | none   | none   | none   | none    | none      | none   | none
read how one's own was edited       | away     | away      | away    | away   | banned | none   | none   | none   | none    | none      | none   | none
read how another's was edited       | away     | away      | away    | away   | banned | none   | none   | none   | none    | none      | none   | none
stop listening                      | ok       | ok        | ok      | ok     | ok     | ok     | ok     | ok     | ok      | ok        | ok     | ok
mark as read                        | away     | away      | away    | away   | banned | ok     | ok     | ok     | ok      | ok        | ok     | ok
mark a message as read              | away     | away      | away    | away   | banned | none   | none   | none   | none    | none      | none   | none
choose what to be told              | away     | away      | away    | away   | banned | ok     | ok     | ok     | ok      | ok        | ok     | ok
follow a thread                     | away     | away      | away    | away   | banned | no     | no     | no     | no      | no        | no     | no
send                                | away     | away      | away    | away   | banned | no     | no     | no     | no      | no        | no     | no
edit one's own                      | away     | away      | away    | away   | banned | none   | none   | none   | none    | none      | none   | none
edit another's                      | away     | away      | away    | away   | banned | none   | none   | none   | none    | none      | none   | none
delete one's own                    | away     | away      | away    | away   | banned | none   | none   | none   | none    | none      | none   | none
delete another's                    | away     | away      | away    | away   | banned | none   | none   | none   | none    | none      | none   | none
delete several of another's         | away     | away      | away    | away   | banned | same   | same   | same   | same    | same      | same   | same
react                               | away     | away      | away    | away   | banned | no     | no     | no     | no      | no        | no     | no
take a reaction back                | away     | away      | away    | away   | banned | no     | no     | no     | no      | no        | no     | no
pin                                 | away     | away      | away    | away   | banned | no     | no     | no     | no      | no        | no     | no
unpin                               | away     | away      | away    | away   | banned | no     | no     | no     | no      | no        | no     | no
type                                | away     | away      | away    | away   | banned | no     | no     | no     | no      | no        | no     | no
make one of kind topic in it        | away     | away      | away    | away   | banned | no     | ok     | ok     | ok      | ok        | ok     | ok
make one of kind private in it      | away     | away      | away    | away   | banned | no     | ok     | ok     | ok      | ok        | ok     | ok
make one of kind announcement in it | away     | away      | away    | away   | banned | no     | no     | no     | no      | ok        | ok     | ok
invite                              | away     | away      | away    | away   | banned | no     | no     | no     | no      | ok        | ok     | ok
mute someone                        | away     | away      | away    | away   | banned | no     | no     | no     | no      | ok        | ok     | ok
give someone a role                 | away     | away      | away    | away   | banned | no     | no     | no     | no      | no        | ok     | ok
put someone out                     | away     | away      | away    | away   | banned | no     | no     | no     | no      | ok        | ok     | ok
ban someone                         | away     | away      | away    | away   | banned | no     | no     | no     | no      | ok        | ok     | ok
rename                              | away     | away      | away    | away   | banned | no     | no     | no     | no      | no        | ok     | ok
slow it down                        | away     | away      | away    | away   | banned | no     | no     | no     | no      | no        | no     | no
archive                             | away     | away      | away    | away   | banned | no     | no     | no     | no      | no        | ok     | ok
come in                             | ok       | ok        | ok      | ok     | banned | same   | same   | same   | same    | same      | same   | same
leave                               | away     | away      | ok      | same   | same   | ok     | ok     | ok     | ok      | ok        | ok     | no
`;

/** `dm`: two equals. Where one has blocked the other, neither says anything more in it; both read it, and take back what they like. */
export const DM = `
                              | outsider | elsewhere | member | blocked | blocker
find it in one's lists        | hidden   | hidden    | shown  | shown   | shown
resume it                     | hidden   | hidden    | shown  | shown   | shown
search everywhere             | hidden   | hidden    | shown  | shown   | shown
open it                       | none     | none      | ok     | ok      | ok
read a message                | none     | none      | ok     | ok      | ok
read how one's own was edited | none     | none      | ok     | ok      | ok
read how another's was edited | none     | none      | no     | no      | no
stop listening                | ok       | ok        | ok     | ok      | ok
mark as read                  | none     | none      | ok     | ok      | ok
mark a message as read        | none     | none      | ok     | ok      | ok
choose what to be told        | none     | none      | ok     | ok      | ok
follow a thread               | none     | none      | ok     | ok      | ok
send                          | none     | none      | ok     | no      | no
edit one's own                | none     | none      | ok     | no      | no
edit another's                | none     | none      | no     | no      | no
delete one's own              | none     | none      | ok     | ok      | ok
delete another's              | none     | none      | no     | no      | no
delete several of another's   | none     | none      | no     | no      | no
react                         | none     | none      | ok     | no      | no
take a reaction back          | none     | none      | ok     | ok      | ok
pin                           | none     | none      | ok     | no      | no
unpin                         | none     | none      | ok     | ok      | ok
type                          | none     | none      | ok     | no      | no
invite                        | none     | none      | no     | no      | no
mute someone                  | none     | none      | no     | no      | no
give someone a role           | none     | none      | no     | no      | no
put someone out               | none     | none      | no     | no      | no
ban someone                   | none     | none      | no     | no      | no
rename                        | none     | none      | no     | no      | no
slow it down                  | none     | none      | no     | no      | no
archive                       | none     | none      | no     | no      | no
come in                       | none     | none      | same   | same    | same
leave                         | none     | none      | no     | no      | no
look at it as a space         | none     | none      | none   | none    | none
take it for a space           | none     | none      | none   | none    | none
`;

/** About no channel: only a block makes a difference. */
export const NO_CHANNEL = `
                                       | outsider | elsewhere | neighbour | invited | left   | banned | expelled | guest  | muted  | member | blocked | moderator | admin  | owner
see oneself                            | ok       | ok        | ok        | ok      | ok     | ok     | ok       | ok     | ok     | ok     | ok      | ok        | ok     | ok
change oneself                         | ok       | ok        | ok        | ok      | ok     | ok     | ok       | ok     | ok     | ok     | ok      | ok        | ok     | ok
look someone up                        | ok       | ok        | ok        | ok      | ok     | ok     | ok       | ok     | ok     | ok     | ok      | ok        | ok     | ok
find someone by name                   | shown    | shown     | shown     | shown   | shown  | shown  | shown    | shown  | shown  | shown  | hidden  | shown     | shown  | shown
see that someone is online             | shown    | shown     | shown     | shown   | shown  | shown  | shown    | shown  | shown  | shown  | hidden  | shown     | shown  | shown
look away                              | ok       | ok        | ok        | ok      | ok     | ok     | ok       | ok     | ok     | ok     | ok      | ok        | ok     | ok
block someone                          | ok       | ok        | ok        | ok      | ok     | ok     | ok       | ok     | ok     | ok     | ok      | ok        | ok     | ok
write to someone                       | ok       | ok        | ok        | ok      | ok     | ok     | ok       | ok     | ok     | ok     | no      | ok        | ok     | ok
make a space, or a channel of no space | ok       | ok        | ok        | ok      | ok     | ok     | ok       | ok     | ok     | ok     | ok      | ok        | ok     | ok
register and log in                    | ok       | ok        | ok        | ok      | ok     | ok     | ok       | ok     | ok     | ok     | ok      | ok        | ok     | ok
end a log-in                           | ok       | ok        | ok        | ok      | ok     | ok     | ok       | ok     | ok     | ok     | ok      | ok        | ok     | ok
end all of one's log-ins               | ok       | ok        | ok        | ok      | ok     | ok     | ok       | ok     | ok     | ok     | ok      | ok        | ok     | ok
`;
