"""Thresholds of the rule on abandoned objects; what a site decides is in its site file instead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObjectConfig:
    """Thresholds of the rule itself, each with its reason.

    Attributes:
        close_m: Who puts something down stands within an arm and a step of it.
        around_s: They were seen there within so long before or after: detectors miss people now and then, and what
            was put down shows only when they step aside.
        stood: Who only passes by is there for a shorter time than who puts something down: less than this share of it.
        least_m: Nobody who is lower brings or watches anything; a detector that does not know suitcases takes them for
            people. Who sits is 1.2 m high.
        level: Share of a person's height by which the foot of the thing may be off theirs: a bench is 0.26, a screen
            on a wall more.
        taller: Height of a person against that of what they bring: a child against a suitcase.
        person_share: A blob of which a person's box covers so much ...
        vehicle_share: A vehicle is the blob, not something before which it stands, if the blob covers so much of it.
        before_s: Who was there so long before it came is somebody else.
        person_height: ... and that is at least so high against it is that person, or has not been told from them.
        keeps_s: It is seen to keep its shape for so long before it is told: somebody who goes bit by bit does not, and
            nobody knows what stands behind those who pass.
        leans_m: What stands nearer than this to something as high as a person is theirs for as long, whoever they are.
        covered: A blob that is a person in more than this share of its looks is one ...
        solid: A blob in which a detector sees a body in this share of the looks that show it ...
        solid_looks: ... and in so many, is no light: a detector imagines no body in one place for long.
        freed_s: ... until so long after: an owner who stands over their bag for half a minute and leaves has left it.
        together_s: What came within so long of one another ...
        together: ... in so many places, none of them a person, is light that fell in: nobody has so many hands ...
        together_m: ... so far apart.
        reach_m: Who stays since it came within an arm and a step of it, and a quarter more by as much as feet are found
            wrongly (a tenth of a height, and half as much again on the floor), may be whose it is ...
        stays: ... if they are seen there in more than this share of the looks, for who passes hides them at times ...
        stays_s: ... of so long at most, one in each ...
        thins_s: ... of these stretches ...
        same: ... in boxes of which the intersection over union is so much: of who passes, two looks' are not.
        itself: A thing and a "person" that cover so much of one another may be one ...
        changed: ... if the number that this person goes by wore other clothes, by so many grey levels ...
        worn_s: ... so long ...
        hand_s: ... until so long before the thing came.
        itself_looks: After so many looks of that kind the number stays the thing's, however its box trembles.
        still_s: A "person" over a visible thing who for so long ...
        still: ... has not moved by this share of their width is the thing.
        still_there: Share of the last place of somebody who is not detected any more that still differs from the
            empty place, if they are still there: they fill about half of their box.
        empty: With no more than this it is empty: a tenth is shadow and noise.
        doubtful: A body over a visible thing of whom a detector was not surer than this for ``still_s``, where what it
            believes at once is 0 and the most is 1 ...
        hardly: ... is the thing, if less than this share of its box shows besides: who passes by shows with half ...
        foot: ... and if it stands where the thing does, to this share of its height.
        several: After fewer looks nothing is said of a body.
        certain: Of whom it was so sure is somebody, whatever else speaks against it.
        taken_s: Who took it was near within so long before or after it was gone.
        moves_s: A thing that is gone and another that appears beside it within so long is the same, pushed or fallen.
        clothes: Grey levels up to which somebody who comes back is taken for the owner, by their clothes.
        twice: Nobody is in two places: whoever wore the same while the owner was seen so often (by the places that are
            remembered) is somebody else. Fewer are what exchanged numbers make.
        pins_s: The picture of its placing can be had no longer ago: packets are kept for 20 s.
        clear_s: A picture so old shows a thing as it stands now; whoever passes before it is by in less.
        late_s: A look may come so much later than gate and sampling let it, as at a picture a second ...
        usual: ... or after so many times as long as it usually does, where a detector has too much to do: in a longer
            gap nobody has looked.
        waits: Usual is the median of so many waits: two of them may be gaps themselves, with a look between.
        lost_s: A thing of which nothing was heard for so long without having gone is forgotten.
    """

    close_m: float = 1.5
    around_s: float = 2.5
    stood: float = 0.7
    least_m: float = 1.15
    level: float = 0.4
    taller: float = 1.25
    person_share: float = 0.6
    vehicle_share: float = 0.3
    before_s: float = 3.0
    person_height: float = 0.6
    keeps_s: float = 4.0
    leans_m: float = 0.8
    covered: float = 1 / 3
    solid: float = 0.5
    solid_looks: int = 4
    freed_s: float = 4.0
    together_s: float = 0.7
    together: int = 3
    together_m: float = 1.0
    reach_m: float = 1.75
    stays: float = 0.75
    stays_s: float = 30.0
    thins_s: float = 0.4
    same: float = 0.5
    itself: float = 0.5
    changed: float = 20.0
    worn_s: float = 10.0
    hand_s: float = 1.0
    itself_looks: int = 3
    still_s: float = 4.0
    still: float = 0.1
    still_there: float = 0.25
    empty: float = 0.1
    doubtful: float = 0.35
    hardly: float = 0.35
    foot: float = 0.25
    several: int = 3
    certain: float = 0.65
    taken_s: float = 2.5
    moves_s: float = 4.0
    clothes: float = 16.0
    twice: int = 5
    pins_s: float = 12.0
    clear_s: float = 5.0
    late_s: float = 1.0
    usual: float = 2.0
    waits: int = 5
    lost_s: float = 30.0
