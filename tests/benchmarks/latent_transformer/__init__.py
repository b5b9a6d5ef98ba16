"""UserControllableLT (Endo 2022), the paper's baseline: a latent transformer, trained from a model's own samples.

That of the embedded model has 1026 steps behind it, 8 minutes of one core; it was still getting better. It moves the
whole: of 14 drags of samples (`drags`, seeds 5000 on) 17 to 24 % of the way were left where the head turns, nods or
moves, 41 to 105 % where a mouth, an ear or the head's size is asked for; the drag loop left 11 % of all, in 0.5 s.

It is no first answer in the drag window: a pass (0.02 s) is worth five to ten steps of the loop, those cost 0.03 s, and
the picture that would have to be shown of either costs more (on a random network of 512 pixels: pass 0.19 s, step 0.07
to 0.17 s, draft 0.5 to 1.1 s). The loop that goes on from it ends no nearer.
"""
